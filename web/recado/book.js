/* The messages that this client knows, merged by id whatever way they came. Nothing here asks the device's clock.
   What is known of a conversation has no hole: it reaches from its oldest known message to the newest. */
import { isCount, keyOf } from "./names.js";

const MOST_REMEMBERED = 10_000;

const isTime = (value) => typeof value === "string" && !Number.isNaN(Date.parse(value));
/** What a message may have beside, and what it must be then. */
const MAY_HAVE = Object.entries({
  expires_at: isTime, edited_at: isTime, delivered_at: isTime, read_at: isTime, reply_to: isCount,
  client_id: (value) => typeof value === "string",
});

/** A message as the server tells it, or null when it is none. An empty content is the repeat of one that is gone.
    What it has beside and cannot be is left out. */
export const messageOf = (said) => {
  if (!said || typeof said !== "object" || !isCount(said.id)) return null;
  if (typeof said.sender !== "string" || typeof said.recipient !== "string" || !isTime(said.timestamp)) return null;
  if (typeof said.content !== "string" || said.content === "") return null;
  const wrong = MAY_HAVE.filter(([key, isGood]) => said[key] != null && !isGood(said[key]));
  return wrong.length === 0 ? said : { ...said, ...Object.fromEntries(wrong.map(([key]) => [key, undefined])) };
};

const rowOf = (id) => `message/${String(id).padStart(16, "0")}`;

const later = (one, other) => ((one.edited_at ?? "") >= (other.edited_at ?? "") ? one : other);

/** What is known of receipts in either of two copies. */
const merged = (known, told) => {
  if (!known) return told;
  const { delivered_at = known.delivered_at, read_at = known.read_at } = told;
  return { ...later(told, known), ...(delivered_at && { delivered_at }), ...(read_at && { read_at }) };
};

const remember = (map, key, value) => {
  map.set(key, value);
  if (map.size > MOST_REMEMBERED) map.delete(map.keys().next().value);
};

export const createBook = () => {
  const threads = new Map(); // key of the peer -> Map of messages by id
  const marks = new Map(); // key of the peer -> {delivered, read, seen}: message ids
  const gone = new Map(); // ids of messages that ended, so that a late page does not bring them back
  const edits = new Map(); // later texts of messages that are not known yet
  const ending = new Map(); // id -> {peer, at} of messages that end by themselves
  const timers = new Map(); // key of the peer -> how many seconds what is written there is to last
  const timedAt = new Map(); // key of the peer -> position of the last event about that
  const views = new WeakMap(); // message -> what was last shown of it: the same until it changes
  let me = "";

  const isMine = (message) => keyOf(message.sender) === keyOf(me);
  const peerOf = (message) => (isMine(message) ? message.recipient : message.sender);
  const threadOf = (key) => {
    if (!threads.has(key)) threads.set(key, { items: new Map(), newest: 0, sorted: true });
    return threads.get(key);
  };
  /** By rising id. */
  const itemsOf = (key) => {
    const thread = threads.get(key);
    if (!thread) return [];
    if (!thread.sorted) thread.items = new Map([...thread.items].sort(([one], [other]) => one - other));
    thread.sorted = true;
    return [...thread.items.values()];
  };
  const oldestOf = (key) => itemsOf(key)[0]?.id ?? null;

  /** Keeps it; gives the change for the store, or null when it is gone. */
  const put = (message) => {
    if (gone.has(message.id)) return null;
    const thread = threadOf(keyOf(peerOf(message)));
    const whole = merged(thread.items.get(message.id), later(edits.get(message.id) ?? message, message));
    edits.delete(message.id);
    if (message.id < thread.newest) thread.sorted = thread.sorted && thread.items.has(message.id);
    thread.newest = Math.max(thread.newest, message.id);
    thread.items.set(message.id, whole);
    if (whole.expires_at) ending.set(message.id, { peer: keyOf(peerOf(message)), at: Date.parse(whole.expires_at) });
    return [rowOf(message.id), whole];
  };

  const drop = (id, peer) => {
    remember(gone, id, true);
    edits.delete(id);
    ending.delete(id);
    threads.get(keyOf(peer))?.items.delete(id);
    return [rowOf(id), undefined];
  };

  const mark = ({ kind, by, peer, up_to: upTo }) => {
    if (!isCount(upTo) || typeof by !== "string" || typeof peer !== "string") return [];
    const which = keyOf(by) === keyOf(me) ? kind === "read" && "seen" : (kind === "read" && "read") || (kind === "delivered" && "delivered");
    if (!which) return [];
    const known = marks.get(keyOf(peer)) ?? {};
    if ((known[which] ?? 0) >= upTo) return [];
    marks.set(keyOf(peer), { ...known, [which]: upTo });
    return [["marks", [...marks]]];
  };

  const timerOf = (key) => timers.get(key) ?? null;
  /** Gives the change for the store, or null when nothing is new. */
  const time = (key, told) => {
    const seconds = isCount(told) && told > 0 ? told : null;
    if (timerOf(key) === seconds) return null;
    seconds === null ? timers.delete(key) : timers.set(key, seconds);
    return ["timers", [...timers]];
  };

  const edited = (message) => {
    const known = threads.get(keyOf(peerOf(message)))?.items.has(message.id);
    if (known) return [put(message)];
    remember(edits, message.id, message);
    return [];
  };

  const stateOf = (message, mine, { delivered = 0, read = 0, seen = 0 }) => {
    if (!mine) return message.id <= seen ? "read" : "received";
    if (message.read_at || message.id <= read) return "read";
    return message.delivered_at || message.id <= delivered ? "delivered" : "sent";
  };

  const viewOf = (message, known) => {
    const mine = isMine(message);
    const state = stateOf(message, mine, known);
    const shown = views.get(message);
    if (shown?.state === state) return shown;
    views.set(message, { ...message, mine, state });
    return views.get(message);
  };

  return {
    get me() {
      return me;
    },
    set me(name) {
      me = name;
    },
    peerOf,
    isMine,
    /** One event of the log, in its turn: {peer, changes}. `peer` is the key of the conversation that it changes, or null. */
    apply(frame) {
      const message = messageOf(frame.message);
      const named = typeof frame.peer === "string" ? keyOf(frame.peer) : null;
      if ((frame.type === "message" || frame.type === "sent") && message) {
        return { peer: keyOf(peerOf(message)), changes: [put(message)].filter(Boolean) };
      }
      if (frame.type === "edited" && message) return { peer: keyOf(peerOf(message)), changes: edited(message).filter(Boolean) };
      if ((frame.type === "deleted" || frame.type === "expired") && isCount(frame.id) && named !== null) {
        return { peer: named, changes: [drop(frame.id, frame.peer)] };
      }
      if (frame.type === "receipt") return { peer: named, changes: mark(frame) };
      if (frame.type === "timer" && named !== null) {
        timedAt.set(named, frame.position);
        const change = time(named, frame.ttl_seconds);
        return { peer: change && named, changes: [change].filter(Boolean) };
      }
      return { peer: null, changes: [] };
    },
    /** The answer to one's own send, known before its turn in the log. A repeat of an old one is not put below a hole. */
    settle(message, duplicate) {
      const oldest = oldestOf(keyOf(peerOf(message)));
      return duplicate && (oldest === null || message.id < oldest) ? null : put(message);
    },
    /** A page of history. */
    merge: (messages) => messages.map(put).filter(Boolean),
    oldestOf,
    peers: () => [...threads.keys()],
    /** By rising id, with the state of each. What has not changed is the same object. */
    messages(key) {
      const known = marks.get(key) ?? {};
      return itemsOf(key).map((message) => viewOf(message, known));
    },
    /** Those that end by themselves: {peer, at}. */
    expiring: () => ending.values(),
    timerOf,
    /** What an answer says of a timer that was asked for when the log stood at `position`: an event behind that knows better. */
    learnTimer: (key, seconds, position) => ((timedAt.get(key) ?? 0) > position ? null : time(key, seconds)),
    marksOf: (key) => ({ delivered: 0, read: 0, seen: 0, ...marks.get(key) }),
    /** What the store has kept. */
    load(messages, kept, lasting = []) {
      for (const message of messages) put(message);
      for (const [key, value] of kept) marks.set(key, value);
      for (const [key, seconds] of lasting) timers.set(key, seconds);
    },
    /** Forgets everything; gives the changes for the store. */
    clear() {
      const rows = [...threads.values()].flatMap(({ items }) => [...items.keys()].map((id) => [rowOf(id), undefined]));
      for (const map of [threads, marks, gone, edits, ending, timers, timedAt]) map.clear();
      return [...rows, ["marks", undefined], ["timers", undefined]];
    },
  };
};
