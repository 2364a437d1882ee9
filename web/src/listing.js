/* The list of conversations: what is known of each, and how many of its messages are unread. Pure.
   A row: {key, peer, displayName?, last, ended?, base, online?, lastSeen?}. `last` is the newest message that is known, or null;
   `ended` the id of one that was it and is gone, when it is not known whether there is one before;
   `base` {upTo, unread} is the server's count, which holds for messages up to that id. */
import { messageOf } from "../recado/book.js";
import { isCount, keyOf } from "../recado/names.js";

const text = (value) => (typeof value === "string" && value !== "" ? value : undefined);

export const newRow = (peer) => ({ key: keyOf(peer), peer, last: null, base: { upTo: 0, unread: 0 } });

/** A day as the server writes it. */
export const dayOf = (value) => (typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value) && Date.parse(value) ? value : undefined);

/** A conversation of the server's as a row, or null when it is none. */
export const rowOf = (said) => {
  if (!said || typeof said !== "object" || typeof said.peer !== "string" || said.peer === "") return null;
  const last = messageOf(said.last_message);
  return {
    key: keyOf(said.peer),
    peer: said.peer,
    displayName: text(said.display_name),
    last,
    base: { upTo: last?.id ?? 0, unread: isCount(said.unread) ? said.unread : 0 },
    online: typeof said.online === "boolean" ? said.online : undefined,
    lastSeen: dayOf(said.last_seen),
  };
};

const newer = (one, other) => ((one?.id ?? 0) >= (other?.id ?? 0) ? one : other);

/** The rows with a page of the server's taken in; what it says of each is newer, unless a later message is known. */
export const withPage = (rows, said) => {
  const all = new Map(rows);
  for (const row of said.map(rowOf).filter(Boolean)) {
    all.set(row.key, { ...row, last: newer(row.last, all.get(row.key)?.last ?? null) });
  }
  return all;
};

/** Nothing of the past is known: whoever there is a row of, without what was in it. */
export const emptied = (rows) =>
  new Map([...rows].map(([key, row]) => [key, { ...row, last: null, ended: undefined, pending: null, base: { upTo: 0, unread: 0 } }]));

/** The time of its last message is over: the row stays where it is until more is known, and one less is unread. */
export const outlived = (row, seen) => {
  const { id, sender } = row.last;
  const isCounted = keyOf(sender) === row.key && id > seen && id <= row.base.upTo && row.base.unread > 0;
  return { ...row, last: null, ended: id, base: isCounted ? { ...row.base, unread: row.base.unread - 1 } : row.base };
};

export const withRow = (rows, key, change) => {
  const row = rows.get(key);
  return row ? new Map(rows).set(key, { ...row, ...change }) : rows;
};

/** How many are unread: the server's count, and what came later and is known here. `seen` is the id up to which all is read;
    from there on the messages themselves are counted as soon as they are all known. */
export const unreadOf = ({ base }, items, seen) => {
  const newest = items.findLast(({ id }) => id !== undefined)?.id ?? 0;
  const whole = seen >= base.upTo || (items.length > 0 && items[0].id <= seen && newest >= base.upTo);
  const bound = whole ? seen : base.upTo;
  let count = whole ? 0 : base.unread;
  for (let at = items.length - 1; at >= 0; at -= 1) {
    const { id, mine } = items[at];
    if (id === undefined) continue;
    if (id <= bound) break;
    if (!mine) count += 1;
  }
  return count;
};

/** The id of the first of so many unread messages, counted back from the one with the id `upTo`; null when it is not among these. */
export const firstUnreadOf = (items, unread, upTo = Infinity) => {
  let left = unread;
  for (let at = items.length - 1; at >= 0 && left > 0; at -= 1) {
    const { id, mine } = items[at];
    if (id === undefined || mine || id > upTo) continue;
    left -= 1;
    if (left === 0) return id;
  }
  return null;
};

/** What waits to be sent comes before everything, then by the newest message. */
const weightOf = ({ pending, last, ended = 0 }) => (pending ? Infinity : (last?.id ?? ended));

/** Newest first; a row without a message or a draft shows nothing yet. */
export const newestFirst = (rows) =>
  rows
    .filter(({ last, ended, pending, draft }) => last !== null || ended || pending || draft)
    .sort((one, other) => (weightOf(one) === weightOf(other) ? 0 : weightOf(other) - weightOf(one)));
