/* How a list of messages keeps its place: at the bottom when it is there, where the eye is when older ones come on top. */
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";

const NEAR_PX = 80;
const EARLY = "300px 0px 0px 0px";

const atBottom = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;

/** Call while drawing: it looks at the list as it still is, and sets it right when it is drawn anew.
    `first` and `last` are the keys of the outermost messages, `mine` whether the last is our own. */
export const usePlace = ({ first, last, mine }) => {
  const box = useRef(null);
  const below = useRef(null);
  below.current ??= signal(false); // something new stands below what is seen
  const shown = useRef({ first: null, last: null });
  const before = box.current && { height: box.current.scrollHeight, top: box.current.scrollTop, bottom: atBottom(box.current) };

  const toBottom = () => {
    box.current.scrollTop = box.current.scrollHeight;
    below.current.value = false;
  };

  useLayoutEffect(() => {
    const was = shown.current;
    shown.current = { first, last };
    if (was.last === null || !before) return toBottom();
    if (was.last !== last) {
      if (before.bottom || mine) return toBottom();
      below.current.value = true;
    }
    if (was.first !== first) box.current.scrollTop = before.top + (box.current.scrollHeight - before.height);
    else if (before.bottom) toBottom();
  });

  useEffect(() => {
    const list = box.current;
    let bottom = true;
    const scrolled = () => {
      bottom = atBottom(list);
      if (bottom) below.current.value = false;
    };
    const resized = new ResizeObserver(() => bottom && box.current && toBottom());
    list.addEventListener("scroll", scrolled, { passive: true });
    resized.observe(list);
    return () => {
      list.removeEventListener("scroll", scrolled);
      resized.disconnect();
    };
  }, []);

  return { box, below: below.current, toBottom };
};

/** Calls `reach` when the element comes near the top of the box, and again each time `page` changes while it is there. */
export const useReach = (box, reach, page) => {
  const mark = useRef(null);
  useEffect(() => {
    if (!page) return undefined;
    const seen = new IntersectionObserver(([entry]) => entry.isIntersecting && reach(), { root: box.current, rootMargin: EARLY });
    seen.observe(mark.current);
    return () => seen.disconnect();
  }, [page]);
  return mark;
};
