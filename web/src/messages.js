/* Messages and the order they stand in. Pure: every function gives a new value and leaves the old one as it was.
   A thread: `items` (stored, by rising id, each id once), `pending` (being sent or failed, in the order written),
   `held` (echoes of our own sends that came before their answer), `older` (path of the next older page, or null). */
import { keyOf } from "./names.js";

const isId = (value) => Number.isSafeInteger(value) && value > 0;

/** A message of the server's, whichever door it came through, or null when it is none. `content` null: it cannot be read. */
export const messageOf = (said) => {
  if (!said || typeof said !== "object" || !isId(said.id)) return null;
  if (typeof said.sender !== "string" || typeof said.recipient !== "string") return null;
  const content = said.content ?? said.message;
  return {
    id: said.id,
    sender: said.sender,
    recipient: said.recipient,
    content: typeof content === "string" ? content : null,
    at: Date.parse(said.timestamp) || 0,
    expiresAt: Date.parse(said.expires_at) || null,
    clientId: typeof said.client_id === "string" ? said.client_id : null,
  };
};

export const messagesOf = (said) => (Array.isArray(said) ? said.map(messageOf).filter(Boolean) : []);

export const isMine = (message, me) => keyOf(message.sender) === keyOf(me);

export const peerOf = (message, me) => (isMine(message, me) ? message.recipient : message.sender);

export const newThread = (peer) => ({
  key: keyOf(peer),
  peer,
  items: [],
  pending: [],
  held: [],
  older: null,
  status: "new", // new, loading, ready, failed
  olderStatus: "ready", // ready, loading, failed
  problem: null,
  stale: false,
});

/** Both lists as one, by rising id, each id once; what is newer in `more` stands. */
export const merged = (items, more) => {
  if (more.length === 0) return items;
  const byId = new Map(items.map((item) => [item.id, item]));
  for (const item of more) byId.set(item.id, { ...item, clientId: item.clientId ?? byId.get(item.id)?.clientId ?? null });
  return [...byId.values()].sort((one, other) => one.id - other.id);
};

/** Which of our pending ones none of these stored messages is. Another person's client_id says nothing about ours. */
const settledBy = (items, me) => {
  const made = new Set(items.map((item) => (isMine(item, me) ? item.clientId : null)));
  return (pending) => !made.has(pending.clientId);
};

const sameWords = (thread, message) => thread.pending.some((one) => one.content === message.content);

/** Echoes whose send has been settled take their place; the others wait on. */
const released = (thread) => {
  const free = thread.held.filter((message) => !sameWords(thread, message));
  if (free.length === 0) return thread;
  return { ...thread, items: merged(thread.items, free), held: thread.held.filter((message) => sameWords(thread, message)) };
};

/** A live message. Our own words that are still on the way are held until their answer says which id they got. */
export const received = (thread, message, me) => {
  if (isMine(message, me) && !message.clientId && sameWords(thread, message)) {
    return { ...thread, held: merged(thread.held, [message]) };
  }
  const pending = thread.pending.filter(settledBy([message], me));
  return released({ ...thread, items: merged(thread.items, [message]), pending });
};

/** The answer to a send: it leaves `pending` and stands among `items` with its id. */
export const sent = (thread, clientId, message) =>
  released({
    ...thread,
    items: merged(thread.items, [{ ...message, clientId }]),
    pending: thread.pending.filter((one) => one.clientId !== clientId),
  });

export const written = (thread, pending) => ({ ...thread, pending: [...thread.pending, pending] });

export const marked = (thread, clientId, change) => ({
  ...thread,
  pending: thread.pending.map((one) => (one.clientId === clientId ? { ...one, ...change } : one)),
});

export const discarded = (thread, clientId) =>
  released({ ...thread, pending: thread.pending.filter((one) => one.clientId !== clientId) });

/** A page of older messages. */
export const withOlder = (thread, page, older) => ({
  ...thread,
  items: merged(thread.items, page),
  older,
  olderStatus: "ready",
});

/** The newest page, first or again after a loss. It is the truth for the span it covers: what is missing there is gone.
    When it does not reach what we hold, what we hold is let go: a list with a hole would lie. */
export const withNewest = (thread, page, older, me) => {
  const ids = page.map((item) => item.id);
  const [lowest, highest] = ids.length ? [Math.min(...ids), Math.max(...ids)] : [Infinity, -Infinity];
  const known = thread.items.at(-1)?.id ?? -Infinity;
  const joins = older !== null && thread.items.length > 0 && known >= lowest;
  const keep = thread.items.filter((item) => item.id > highest || (joins && item.id < lowest));
  return released({
    ...thread,
    items: merged(keep, page),
    pending: thread.pending.filter(settledBy(page, me)),
    older: joins && thread.items[0].id < lowest ? thread.older : older,
    status: "ready",
    problem: null,
    stale: false,
  });
};

/** The thread without what has expired; the same value when nothing has. */
export const pruned = (thread, now) => {
  const alive = (item) => item.expiresAt === null || item.expiresAt > now;
  return thread.items.every(alive) ? thread : { ...thread, items: thread.items.filter(alive) };
};

/** The list of conversations with one message taken in: the newest message of each, by rising id. */
export const listed = (conversations, key, peer, last) => {
  const before = conversations.get(key);
  if (before && before.last.id >= last.id) return conversations;
  return new Map(conversations).set(key, { key, peer, last });
};

export const newestFirst = (conversations) => [...conversations.values()].sort((one, other) => other.last.id - one.last.id);
