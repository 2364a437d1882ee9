/* A long list of which only what is seen, and a little more, is in the document. It knows nothing of what its rows are.

   Rows may have any height. They stand at places of their own in a list as high as all of them; what is measured is kept by key.
   Whatever changes (rows before, after or between, a row's height, the size of the box), what the eye is on stays where it is:
   the end when the end is seen, otherwise the first whole row. Heights are whole pixels, so that places are.

   A redraw reads first (the heights of new rows, all at once) and then writes (places, then how far it is scrolled). A scroll
   costs O(log n), and draws only when it comes near the edge of what is drawn. */
import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useReducer, useRef } from "preact/hooks";
import { createHeights } from "../heights.js";
import { html } from "../html.js";

const NEAR_PX = 80; // so close to the end counts as the end
const EARLY_PX = 400; // so close to the beginning asks for more
const OVERSCAN = 0.75; // of the box's height, drawn on either side
const OVERSCAN_PX = [240, 700];

const sameRange = (one, other) => one[0] === other[0] && one[1] === other[1];

/** What `api` has before the list is drawn; made by whoever wants to follow `atBottom` from the first. */
export const createPlace = () => ({
  current: { atBottom: signal(true), toBottom() {}, toKey: () => false, isSeen: () => false },
});

/* The list's state, outside of what Preact draws. `redraw()` asks for a drawing; `settle()` follows each. */
const createList = (redraw, atBottom) => {
  const heights = createHeights();
  const keysOf = new WeakMap(); // element of a row -> its key
  let box = null;
  let list = null;
  let observer = null;
  let props = null;
  let rows = null;
  let keyAt = null; // the key of the row at an index
  let drawn = [0, -1]; // the first and the last row that is drawn
  let hidden = false; // a box that is not shown has no size, and forgets how far it was scrolled
  let width = 0; // of the box, as of the last look
  let height = 0;
  let top = 0; // how far it is scrolled
  let lead = 0; // from the top of the box's inside to the list
  let tail = 0; // and from the list's end to its lower edge
  let gap = 0; // from the lower edge of the box to the end
  let anchors = []; // {key, at}: what is seen, and where, the best to hold on to first
  let held = null; // {key, align}: a row that is being brought into view
  let focused = null; // key of the row that has the focus
  let left = null; // the same, and stays when the focus goes to nobody
  let wanted = null; // key of the row that is to get it
  let seen = [0, -1];
  let reachedFor = null; // the first key when more was last asked for
  atBottom.value = true; // it begins there; the signal may have followed another list

  /* As the list will be when everything is in its place: a row that has just grown reaches further than that. */
  const farthest = () => Math.max(0, lead + heights.total + tail - height);
  const placeOf = (index) => lead + heights.offset(index);
  const rowAt = (place) => heights.at(place - lead);
  const mayHold = (index) => props.anchors?.(rows[index]) ?? true;

  const overscan = () => Math.min(Math.max(height * OVERSCAN, OVERSCAN_PX[0]), OVERSCAN_PX[1]);
  const rangeAround = (margin) => (rows.length ? [rowAt(top - margin), rowAt(top + height + margin)] : [0, -1]);

  /* Which rows to hold on to: the first whole one, those after it, those cut off by the upper edge. */
  const holdOn = () => {
    anchors = [];
    if (!rows?.length) return;
    const [first, last] = rangeAround(0);
    const all = Array.from({ length: last - first + 1 }, (_, step) => first + step).filter(mayHold);
    const whole = all.filter((index) => placeOf(index) >= top);
    const cut = all.filter((index) => placeOf(index) < top).reverse();
    anchors = [...whole, ...cut].map((index) => ({ key: keyAt(index), at: placeOf(index) - top }));
  };

  const measureBox = () => {
    ({ clientHeight: height, clientWidth: width } = box);
    lead = list.offsetTop;
    tail = parseFloat(getComputedStyle(box).paddingBottom);
  };

  const measureGap = () => {
    gap = Math.max(0, farthest() - top);
    atBottom.value = gap < NEAR_PX;
  };

  /* Looks where the list stands. Not while the box has another size than at the last look: what was seen before counts then. */
  const look = () => {
    if (!box || box.clientHeight !== height || box.clientWidth !== width) return false;
    top = box.scrollTop;
    measureGap();
    holdOn();
    return true;
  };

  const within = (place) => Math.max(0, Math.min(place, farthest()));
  const aligned = (index, align) =>
    placeOf(index) - (align === "start" ? 0 : Math.max(0, Math.round((height - heights.size(index)) / 2)));

  /* Where it has to be scrolled to, now that something has changed. */
  const wantedTop = () => {
    if (held && heights.indexOf(held.key) < 0) held = null;
    if (held) return within(aligned(heights.indexOf(held.key), held.align));
    if (atBottom.peek()) return within(farthest() - gap);
    const anchor = anchors.find(({ key }) => heights.indexOf(key) >= 0);
    return within(anchor ? placeOf(heights.indexOf(anchor.key)) - anchor.at : top);
  };

  const scrollBack = () => {
    top = wantedTop();
    if (Math.abs(box.scrollTop - top) >= 1) box.scrollTop = top;
  };

  const covers = ([first, last]) => first >= drawn[0] && last <= drawn[1];

  const tellSeen = () => {
    let [first, last] = rangeAround(-1);
    if (!rows.length || !height || hidden || !covers([first, last])) return;
    // The last one counts when its end is seen, or when it fills the box.
    if (last > first && placeOf(last + 1) > top + height + 1) last -= 1;
    if (sameRange(seen, [first, last])) return;
    seen = [first, last];
    props.onSeen?.(first, last);
  };

  const tellReach = () => {
    if (top > EARLY_PX) return void (reachedFor = null);
    const first = rows.findIndex((_, index) => mayHold(index));
    if (first < 0 || !height || hidden || reachedFor === keyAt(first)) return;
    reachedFor = keyAt(first);
    props.onReachTop?.();
  };

  const put = (element, index) => {
    const place = `${heights.offset(index)}px`;
    if (element.style.top !== place) element.style.top = place;
  };

  /* Writes every place anew, and scrolls so that the eye's place is kept. */
  const arrange = () => {
    const total = `${heights.total}px`;
    if (list.style.height !== total) list.style.height = total;
    for (const element of list.children) put(element, heights.indexOf(keysOf.get(element)));
    scrollBack();
    measureGap();
    holdOn();
  };

  const drawMore = () => {
    if (rows.length && !covers(rangeAround(overscan() / 2))) redraw();
  };

  const afterwards = () => {
    drawMore();
    tellSeen();
    tellReach();
  };

  const measure = (element, size) => heights.measure(keysOf.get(element), Math.ceil(size));

  const scrolled = () => {
    if (!look()) return; // the observer comes next, and knows both sizes
    afterwards();
  };

  const resized = (entries) => {
    if (box.clientHeight === 0) return void (hidden = true);
    let changed = hidden;
    const boxEntry = entries.find(({ target }) => target === box);
    if (!boxEntry) look();
    for (const { target, borderBoxSize } of entries) {
      if (!target.isConnected) observer.unobserve(target);
      else if (target !== box) changed = measure(target, borderBoxSize[0].blockSize) || changed;
    }
    if (boxEntry && (box.clientHeight !== height || box.clientWidth !== width)) {
      measureBox();
      changed = true;
    }
    if (!changed) return;
    if (hidden) redraw(); // what was drawn meanwhile was not measured
    hidden = false;
    arrange();
    afterwards();
  };

  const focusRow = () => {
    const element = [...list.children].find((one) => keysOf.get(one) === wanted);
    if (!element) return;
    wanted = null;
    element.tabIndex = -1;
    element.focus({ preventScroll: true });
  };

  const api = {
    atBottom,
    toBottom() {
      held = null;
      atBottom.value = true;
      gap = 0;
      if (!box) return;
      arrange();
      afterwards();
    },
    /** False when there is no such row. `align`: "center" or "start". With `focus` the row gets the focus. */
    toKey(key, { align = "center", focus = false } = {}) {
      if (!box || heights.indexOf(key) < 0) return false;
      held = { key, align };
      atBottom.value = false;
      seen = [0, -1]; // whoever is led somewhere is told what is seen there, be it the same
      if (focus) wanted = key;
      arrange();
      redraw();
      return true;
    },
    isSeen(key) {
      const index = heights.indexOf(key);
      return index >= 0 && placeOf(index + 1) > top && placeOf(index) < top + height;
    },
  };

  return {
    api,

    /** Takes what is to be drawn: the indices of the rows. */
    take(next) {
      props = next;
      if (next.rows !== rows) {
        if (!held) look();
        rows = next.rows;
        const keys = rows.map(next.keyOf);
        keyAt = (index) => keys[index];
        heights.arrange(keys, (index) => (typeof next.estimate === "function" ? next.estimate(rows[index]) : next.estimate));
        top = wantedTop();
        seen = [0, -1]; // the same indices are other rows now
      }
      drawn = rangeAround(overscan());
      const [first, last] = drawn;
      const all = Array.from({ length: last - first + 1 }, (_, step) => first + step);
      const kept = [focused, wanted].map((key) => (key === null ? -1 : heights.indexOf(key)));
      for (const index of new Set(kept)) if (index >= 0 && (index < first || index > last)) all.push(index);
      return all.sort((one, other) => one - other).map((index) => ({ index, key: keyAt(index) }));
    },

    /** After each drawing: measures what is new, and puts everything in its place. */
    settle(shown) {
      if (left !== null && heights.indexOf(left) < 0) {
        // Its row has gone: the list has the focus, or it would be nowhere.
        left = null;
        if (document.activeElement === document.body) box.focus({ preventScroll: true });
      }
      if (box.clientHeight === 0) return void (hidden = true);
      const fresh = [...list.children].filter((element, at) => {
        const known = keysOf.get(element) === shown[at].key;
        keysOf.set(element, shown[at].key);
        return !known;
      });
      const sizes = fresh.map((element) => element.getBoundingClientRect().height);
      fresh.forEach((element, at) => measure(element, sizes[at]));
      // Not at once: one that is observed while the observer tells is told of too late, which is an error.
      requestAnimationFrame(() => fresh.forEach((element) => element.isConnected && observer.observe(element)));
      arrange();
      if (wanted !== null) focusRow();
      if (held && covers(rangeAround(0))) held = null;
      afterwards();
    },

    begin(element) {
      box = element;
      list = element.firstElementChild;
      measureBox();
      observer = new ResizeObserver(resized);
      observer.observe(box);
      box.addEventListener("scroll", scrolled, { passive: true });
    },

    stop() {
      observer.disconnect();
      box.removeEventListener("scroll", scrolled);
      box = null;
    },

    focusIn: ({ target }) => (left = focused = keysOf.get(rowOf(target, list)) ?? null),
    focusOut(event) {
      focused = keysOf.get(rowOf(event.relatedTarget, list)) ?? null;
      if (event.relatedTarget) left = focused; // a row that is taken away loses it to nobody
      rowOf(event.target, list)?.removeAttribute("tabindex");
    },
  };
};

/* The row that an element stands in. */
const rowOf = (element, list) => {
  let one = element;
  while (one && one.parentElement !== list) one = one.parentElement;
  return one ?? null;
};

/** `rows`: any values, a new array whenever they change. `keyOf(row)`: a key that is a row's own for good. `render(row, index)`:
    what stands in the row's `<li>`; `attributes(row, index)`: what that `<li>` has besides. `estimate`: px, or a function of the row.
    `anchors(row)`: false for rows that are not held on to, as days and buttons are. `onReachTop()`: the beginning is near;
    told once for each first row. `onSeen(first, last)`: indices of what is seen; the last one to its end. */
export const Windowed = (props) => {
  const [, redraw] = useReducer((turn) => turn + 1, 0);
  const box = useRef(null);
  const kept = useRef(null);
  const list = (kept.current ??= createList(redraw, props.api?.current?.atBottom ?? signal(true)));
  if (props.api) props.api.current = list.api;
  const shown = list.take(props);
  useLayoutEffect(() => {
    list.begin(box.current);
    return list.stop;
  }, []);
  useLayoutEffect(() => list.settle(shown));
  const { rows, label, name = "windowed", render, attributes } = props;
  return html`<div ref=${box} class="windowed" tabindex="0" role="log" aria-live="off" aria-label=${label} data-testid=${name}>
    <ol onFocusIn=${list.focusIn} onFocusOut=${list.focusOut}>
      ${shown.map(
        ({ index, key }) => html`<li key=${key} aria-setsize=${rows.length} aria-posinset=${index + 1} ...${attributes?.(rows[index], index)}>
          ${render(rows[index], index)}
        </li>`,
      )}
    </ol>
  </div>`;
};
