/* A list that comes in pages: the first at once, the others when they are asked for. */
import { useState } from "preact/hooks";
import { useLoad, useTask } from "./parts.js";

/** `load(path)` gives {rows, next}. */
export const usePages = (load) => {
  const first = useLoad(load);
  const task = useTask();
  const [more, setMore] = useState({ of: null, rows: [], next: null });
  // A reload begins anew: what was joined to the earlier first page goes.
  const joined = more.of === first.value && more.of !== null ? more : { rows: [], next: first.value?.next ?? null };
  const loadMore = () =>
    task.run(async () => {
      const page = await load(joined.next);
      setMore({ of: first.value, rows: [...joined.rows, ...page.rows], next: page.next });
    });
  return { first, task, rows: [...(first.value?.rows ?? []), ...joined.rows], next: joined.next, loadMore };
};
