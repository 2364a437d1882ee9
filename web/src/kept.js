/* What the page itself keeps over a visit, beside what the client keeps: the list of conversations, what was begun to be written,
   and the emoji used last.
   In the same sealed store, so that it goes with the sign-out. It serves until the server answers, and is no loss when it is gone. */
const LIST = "page/list";
const DRAFTS = "page/drafts";
const EMOJI = "page/emoji";
export const SAVE_MS = 200;
const MOST_ROWS = 100;

export const createKept = ({ store, clock, locks = globalThis.navigator?.locks }) => {
  const wanted = new Map();
  let timer = null;
  let stopped = false;
  let last = Promise.resolve();

  const put = async (asked, known = []) => {
    if (!stopped) await store.write(asked.map(([row, value]) => [row, value(known)])).catch(() => {});
  };
  /** No other tab writes between the reading of the drafts and their writing. */
  const alone = (work) => (store.shared && locks ? locks.request("recado/drafts", work) : work());
  const inTurn = (work) => (last = last.then(() => alone(work)).catch(() => {}));

  const write = async () => {
    clock.clearTimeout(timer);
    timer = null;
    const asked = [...wanted];
    wanted.clear();
    if (asked.length === 0) return last;
    if (!asked.some(([row]) => row === DRAFTS)) return put(asked);
    await inTurn(async () => put(asked, await array(DRAFTS)));
  };
  const later = (row, value) => {
    if (stopped) return;
    wanted.set(row, value);
    timer ??= clock.setTimeout(write, SAVE_MS);
  };
  const array = async (row) => {
    const kept = await store.get(row).catch(() => null);
    return Array.isArray(kept) ? kept : [];
  };

  return {
    rows: () => array(LIST),
    drafts: () => array(DRAFTS),
    emoji: () => array(EMOJI),
    keepRows: (rows) => later(LIST, () => rows().slice(0, MOST_ROWS)),
    keepEmoji: (emoji) => later(EMOJI, emoji),
    /** `drafts(known)` is told what is kept: another tab may have put its own there. */
    keepDrafts: (drafts) => later(DRAFTS, (known) => [...drafts(known)]),
    /** At once: the page may be going. */
    flush: write,
    /** Nothing of this person is written any more: the store may be the next one's. */
    stop() {
      stopped = true;
      clock.clearTimeout(timer);
      wanted.clear();
    },
  };
};
