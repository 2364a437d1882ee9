/* The person's log: every position once, in order. What comes early is set aside until the gap below it has closed. */
import { isCount } from "./names.js";

/** The types that make an event of a frame; whatever else has a position counts as one, and is told as it is. */
const WITHOUT = new Set(["welcome", "heartbeat", "pong", "error", "bye", "typing", "presence", "notice"]);

export const positionOf = (frame) => (!WITHOUT.has(frame.type) && isCount(frame.position) && frame.position > 0 ? frame.position : null);

export const createLog = () => {
  const early = new Map();
  let at = { position: null, epoch: null };
  let head = 0;
  return {
    get cursor() {
      return at;
    },
    /** True while something is known to be missing. */
    get behind() {
      return at.position !== null && head > at.position;
    },
    get waiting() {
      return early.size;
    },
    begin(position, epoch) {
      early.clear();
      at = { position, epoch };
      head = position ?? 0;
    },
    /** The epoch is the server's to say. */
    named(epoch) {
      at = { ...at, epoch };
    },
    /** How far the log goes, as somebody said. */
    told(position) {
      if (isCount(position)) head = Math.max(head, position);
    },
    /** The frames that are next in order now, this one included or not. */
    take(frame) {
      const position = positionOf(frame);
      if (position === null || at.position === null || position <= at.position) return [];
      head = Math.max(head, position);
      early.set(position, frame);
      const ready = [];
      while (early.has(at.position + 1)) {
        at = { ...at, position: at.position + 1 };
        ready.push(early.get(at.position));
        early.delete(at.position);
      }
      return ready;
    },
  };
};
