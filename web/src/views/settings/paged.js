/* A list that comes in pages: the first at once, the others when they are asked for. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useLoad, useTask } from "./parts.js";

/** `load(path)` gives {rows, next}; `list` is a ref for what the rows are in. */
export const usePages = (load) => {
  const first = useLoad(load);
  const task = useTask();
  const list = useRef(null);
  const [more, setMore] = useState({ of: null, rows: [], next: null, from: 0 });
  // A reload begins anew: what was joined to the earlier first page goes.
  const joined = more.of === first.value && more.of !== null ? more : { rows: [], next: first.value?.next ?? null };
  const loadMore = () =>
    task.run(async () => {
      const page = await load(joined.next);
      const from = first.value.rows.length + joined.rows.length;
      setMore({ of: first.value, rows: [...joined.rows, ...page.rows], next: page.next, from });
    });
  /* The button goes when there are no more: on from the first row that came. */
  useLayoutEffect(() => {
    if (more.of === null || more.next || document.activeElement !== document.body) return;
    const row = list.current?.children[more.from] ?? list.current?.lastElementChild;
    row?.setAttribute("tabindex", "-1");
    row?.focus();
  }, [more]);
  return { first, task, rows: [...(first.value?.rows ?? []), ...joined.rows], next: joined.next, list, loadMore };
};
