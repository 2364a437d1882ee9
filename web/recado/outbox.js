/* What was written and is not acknowledged. Each entry is in the store before its first try and keeps its `client_id` for ever, so
   everything may be said again after any failure. In one conversation one message is on its way at a time: they arrive in the order
   written, whatever fails; several conversations go side by side. `waits`, in the store as well, says that an entry was surely never on
   its way: it is taken from there before the first try. */
import { isCount, keyOf } from "./names.js";
import { jitter } from "./pace.js";
import { adviceOf } from "./problems.js";

/** Refusals that the same message meets again. Whatever else is said may be tried later. */
const FOR_GOOD = new Set(["invalid", "forbidden", "not_found", "conflict", "too_large", "step_up_required", "enrolment_required"]);
/** Refusals that pass by themselves; of any other, so many are enough: one broken message must not hold up the rest for ever. */
const PASSING = new Set(["too_many_requests", "unavailable", "timeout", "unauthenticated"]);
const ENOUGH = 8;
const MOST_ON_THE_WAY = 16;
export const UNANSWERED_MS = 30_000;

const rowOf = (clientId) => `outbox/${clientId}`;
const bySeq = (one, other) => one.seq - other.seq || (one.client_id < other.client_id ? -1 : 1);

/** What a message may carry beside its text, as far as it does. */
export const extrasOf = ({ ttl_seconds, reply_to }) => ({
  ...(ttl_seconds == null ? {} : { ttl_seconds }),
  ...(reply_to == null ? {} : { reply_to }),
});

/** An entry of the store, if it is whole. */
const isEntry = (entry) =>
  typeof entry?.client_id === "string" && typeof entry.recipient === "string" && typeof entry.content === "string" && isCount(entry.seq);

/** `keep(changes)` stores, and never fails: what cannot be stored is sent all the same. `say(frame)` is true when the frame went out.
    `onChange(entry, event, problem?)`: "written", "failed", "settled", "discarded", "retried". */
export const createOutbox = ({ keep, uuid, say, clock, random, onChange, onSilence, onTokenNeeded }) => {
  const entries = new Map();
  const onTheWay = new Map(); // client_id -> timer
  const discarded = new Set(); // client_ids: what reads or writes the store at the same time brings none of them back
  const held = new Map(); // key of the peer -> timer: its next try is later
  let most = MOST_ON_THE_WAY;
  let live = false;

  const ordered = () => [...entries.values()].sort(bySeq);
  const busyPeers = () => new Set([...onTheWay.keys()].map((id) => entries.get(id)).filter(Boolean).map(({ recipient }) => keyOf(recipient)));

  const landed = (clientId) => {
    clock.clearTimeout(onTheWay.get(clientId));
    onTheWay.delete(clientId);
  };

  const frameOf = ({ client_id, recipient, content, ...more }) => ({
    type: "send",
    client_id,
    recipient,
    content,
    ...extrasOf(more),
    ref: client_id,
  });

  /** @param {any} entry */
  const rowFor = ({ stored, kept, tried, tries, ...entry }) => [rowOf(entry.client_id), entry];

  /** Stores an entry as it is. Whoever gives it up meanwhile may be sooner at the store. */
  const save = async (entry) => {
    const kept = await keep([rowFor(entry)]);
    if (discarded.has(entry.client_id)) await keep([[rowOf(entry.client_id), undefined]]);
    return kept;
  };

  const release = async (entry) => {
    entry.stored = false; // holds back what follows in its conversation
    delete entry.waits;
    await save(entry);
    entry.stored = true;
    flush();
  };

  const trying = (entry) => {
    entry.tried = true;
    onTheWay.set(entry.client_id, clock.setTimeout(onSilence, UNANSWERED_MS));
  };

  const flush = () => {
    if (!live) return;
    const busy = busyPeers();
    for (const entry of ordered()) {
      const key = keyOf(entry.recipient);
      if (entry.state !== "sending" || busy.has(key) || held.has(key) || onTheWay.size >= most) continue;
      busy.add(key);
      if (!entry.stored) continue;
      if (entry.waits) void release(entry);
      else if (say(frameOf(entry))) trying(entry);
    }
  };

  const hold = (key, wait) => {
    clock.clearTimeout(held.get(key));
    held.set(
      key,
      clock.setTimeout(() => {
        held.delete(key);
        flush();
      }, wait),
    );
  };

  const fail = async (entry, problem) => {
    entry.state = "failed";
    entry.problem = problem;
    onChange(entry, "failed");
    await save(entry);
    flush();
  };

  return {
    flush,
    ordered,
    get size() {
      return entries.size;
    },
    load(rows) {
      for (const entry of rows) {
        if (!isEntry(entry) || entries.has(entry.client_id) || discarded.has(entry.client_id)) continue;
        entries.set(entry.client_id, { ...entry, stored: true, kept: true, tried: !entry.waits });
      }
    },
    /** Those that the store surely has. */
    kept: () => [...entries.values()].filter(({ kept }) => kept).map(({ client_id: clientId }) => clientId),
    /** Keeps it on the device; resolves when it can survive a reload. What cannot be stored is sent all the same.
        `offline`: it cannot go out at once. */
    async write(recipient, content, extras, { offline = false } = {}) {
      const seq = Math.max(0, ...[...entries.values()].map((entry) => entry.seq)) + 1;
      /** @type {any} */
      const entry = { client_id: uuid(), recipient, content, seq, state: "sending", ...extrasOf(extras), ...(offline ? { waits: true } : {}) };
      entries.set(entry.client_id, entry);
      onChange(entry, "written");
      entry.kept = await save(entry);
      entry.stored = true;
      return entry;
    },
    /** One that another tab has stored. */
    add(entry) {
      if (!isEntry(entry) || entries.has(entry.client_id)) return;
      entries.set(entry.client_id, { ...entry, stored: true });
      onChange(entry, "written");
      flush();
    },
    get: (clientId) => entries.get(clientId),
    /** The server has it: out of here. The row is deleted together with what the caller stores: gives the change. */
    settle(clientId) {
      const entry = entries.get(clientId);
      landed(clientId);
      if (!entry) return null;
      entries.delete(clientId);
      onChange(entry, "settled");
      return [rowOf(clientId), undefined];
    },
    /** The server refused it: {code, detail, field, retry_after}. True when it was one of ours. */
    refuse(clientId, { code, detail, field, retry_after: advice }) {
      const entry = entries.get(clientId);
      landed(clientId);
      if (!entry || entry.state !== "sending") return entry !== undefined;
      entry.tries = (entry.tries ?? 0) + 1;
      if (FOR_GOOD.has(code) || (!PASSING.has(code) && entry.tries >= ENOUGH)) {
        void fail(entry, { code, detail, ...(field === undefined ? {} : { field }) });
        return true;
      }
      const seconds = adviceOf(advice);
      hold(keyOf(entry.recipient), seconds === null ? Math.max(1000, jitter(entry.tries, random)) : seconds * 1000);
      if (code === "unauthenticated") onTokenNeeded();
      return true;
    },
    async retry(clientId) {
      const entry = entries.get(clientId);
      if (entry?.state !== "failed") return false;
      entry.state = "sending";
      entry.tries = 0;
      // What it quotes is gone: it was never stored so, and goes out as a message by itself.
      if (entry.problem?.field === "reply_to") delete entry.reply_to;
      delete entry.problem;
      onChange(entry, "retried");
      await save(entry);
      flush();
      return true;
    },
    /** Only what has failed, or was never on its way: what may have arrived cannot be taken back here. */
    async discard(clientId) {
      const entry = entries.get(clientId);
      if (!entry || (entry.state === "sending" && entry.tried)) return false;
      entries.delete(clientId);
      discarded.add(clientId);
      onChange(entry, "discarded");
      await keep([[rowOf(clientId), undefined]]);
      flush();
      return true;
    },
    /** Welcomed: everything that waits goes out again. */
    connected({ slowly = false } = {}) {
      most = slowly ? 1 : MOST_ON_THE_WAY;
      live = true;
      flush();
    },
    disconnected() {
      live = false;
      for (const clientId of [...onTheWay.keys()]) landed(clientId);
    },
    /** The connection was closed for the size of a frame (1009): the largest of those on their way is the one. */
    dropLargest() {
      const saying = [...onTheWay.keys()].map((id) => entries.get(id)).filter(Boolean);
      const [largest] = saying.sort((one, other) => other.content.length - one.content.length);
      if (!largest) return false;
      landed(largest.client_id);
      void fail(largest, { code: "too_large", detail: "" });
      return true;
    },
    /** What the tab that sends has said of one. */
    told(event, entry) {
      const known = entries.get(entry.client_id);
      if (event === "discarded") discarded.add(entry.client_id);
      if (event === "settled" || event === "discarded") entries.delete(entry.client_id);
      else entries.set(entry.client_id, { ...entry, stored: true, tried: true });
      if (known || event === "failed" || event === "written") onChange(entry, event);
    },
    clear() {
      this.disconnected();
      for (const timer of held.values()) clock.clearTimeout(timer);
      held.clear();
      entries.clear();
      discarded.clear();
    },
  };
};
