/* What stands in an open conversation, from top to bottom: days, the line of the unread, messages. Pure.
   A row: {kind: "day" | "unread" | "message", key, at?, item?, newRun?}. Times are read once: what a message says of them never changes. */
import { keyOf } from "../recado/names.js";

const RUN_MS = 5 * 60_000;
const times = new WeakMap();

/** When a message was stored, in milliseconds; one that is not stored yet is of now. */
export const timeOf = (item, now) => {
  if (!item.timestamp) return now;
  if (!times.has(item)) times.set(item, Date.parse(item.timestamp) || 0);
  return times.get(item);
};

/** The same for one message from its first letter to its last state. */
export const keyOfItem = ({ id, client_id: clientId, mine }) => (mine && clientId ? `c${clientId}` : `m${id}`);

const startOfDay = (at) => new Date(at).setHours(0, 0, 0, 0);

/** `firstUnread` is the id of the message before which the line stands, or null. */
export const rowsOf = (items, { firstUnread = null, now }) => {
  const rows = [];
  let before = null;
  let lined = firstUnread === null;
  let [dayBegan, dayEnds] = [0, 0];
  for (const item of items) {
    const at = timeOf(item, now);
    const key = keyOfItem(item);
    const newDay = before === null || at < dayBegan || at >= dayEnds;
    if (newDay) {
      dayBegan = startOfDay(at);
      dayEnds = startOfDay(dayBegan + 36 * 3_600_000); // the next one's beginning, be the day of 23 hours or of 25
      rows.push({ kind: "day", key: `d${key}`, at });
    }
    const line = !lined && !item.mine && item.id >= firstUnread; // that one itself may be gone
    lined ||= line;
    if (line) rows.push({ kind: "unread", key: "unread" });
    const newRun = newDay || line || keyOf(before.item.sender) !== keyOf(item.sender) || at - before.at > RUN_MS;
    rows.push({ kind: "message", key, item, at, newRun });
    before = { item, at };
  }
  return rows;
};
