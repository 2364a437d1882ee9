/* One person's client: joins the connection, the log, the outbox, the tokens and the tabs. What it tells, and how it is used: docs/web.md. */
import { createBook, messageOf } from "./book.js";
import { createCalls } from "./calls.js";
import { createLog } from "./log.js";
import { isCount, keyOf, makeUuid } from "./names.js";
import { createOutbox, extrasOf } from "./outbox.js";
import { Problem } from "./problems.js";
import { createServerClock } from "./server_clock.js";
import { memoryStore } from "./store.js";
import { createTabs } from "./tabs.js";
import { COOKIE_HEADER, createTokens, subjectOf } from "./tokens.js";
import { createWire } from "./wire.js";

export const ACK_MS = 250;
export const GAP_MS = 10_000;
export const TYPING_MS = 2_000;
const READ_MS = 300;
const READ_KEPT_MS = 10_000;
const MOST_EARLY = 10_000;
const MOST_KEPT = 5_000;
const LONGEST_TIMER_MS = 86_400_000;
/** After these the session goes on: nothing kept is destroyed. */
const SESSION_STANDS = new Set(["fault", "forbidden", "changed", "enrolment"]);
const HINTS = new Set(["typing", "presence", "notice"]);

/** @typedef {"idle" | "connecting" | "live" | "waiting" | "offline" | "ended"} Connection
    @typedef {{connection: Connection, retryInMs?: number, reason?: string, code?: number}} State
    @typedef {object} Message  as docs/protocol.md has it, and:
    @property {number} [id]         missing while it is in the outbox
    @property {string} [client_id]
    @property {string} sender
    @property {string} recipient
    @property {string} content
    @property {string} [timestamp]  missing while it is in the outbox
    @property {boolean} mine
    @property {"sending" | "failed" | "sent" | "delivered" | "read" | "received"} state
    @property {number} [reply_to]   the id of the message that it quotes, which may be gone
    @property {{code: string, detail: string, field?: string}} [problem]  why it failed

    @typedef {object} Options
    @property {string} [url]         of the server; in a page, its own origin
    @property {import("./store.js").Store} [store]  `memoryStore()` unless given
    @property {"cookie" | "tokens"} [session]  where the refresh token is: an HttpOnly cookie (a page of the server's own origin), or the store
    @property {{access: string, refresh: string}} [tokens]  of a sign-in made elsewhere, for the first `resume()`
    @property {string} [name]        clients of one browser with the same name share a connection and a store
    @property {typeof fetch} [fetch]
    @property {any} [WebSocket]
    @property {() => number} [now]   milliseconds that only go forward; never a time of day
    @property {() => number} [random]
    @property {() => string} [uuid]
    @property {{setTimeout: Function, clearTimeout: Function}} [clock]
    @property {LockManager | null} [locks]
    @property {typeof BroadcastChannel | null} [Channel]
    @property {any} [network]        tells "online" and "offline", and `onLine` */

/** What works on `globalThis` must be called on it. */
const ownClock = {
  setTimeout: (work, wait) => globalThis.setTimeout(work, wait),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
};

const browserNetwork = () =>
  typeof globalThis.addEventListener === "function" && typeof globalThis.navigator?.onLine === "boolean"
    ? {
        get onLine() {
          return globalThis.navigator.onLine;
        },
        addEventListener: (kind, listener) => globalThis.addEventListener(kind, listener),
        removeEventListener: (kind, listener) => globalThis.removeEventListener(kind, listener),
      }
    : null;

const query = (path, values) =>
  `${path}?${new URLSearchParams(Object.entries(values).flatMap(([key, value]) => (value == null ? [] : [[key, String(value)]])))}`;

/** The list that was asked for. Anything else is no empty one: it is not the server's. */
const listIn = ({ status, said }) => {
  if (!Array.isArray(said)) throw new Problem("problem", { status, code: "bad_answer" });
  return said;
};

/** @param {Options} [options] */
export const createClient = ({
  url = globalThis.location?.origin,
  store = memoryStore(),
  session = "cookie",
  tokens: given,
  name = "recado",
  fetch = (href, asking) => globalThis.fetch(href, asking),
  WebSocket = globalThis.WebSocket,
  now = () => performance.now(),
  random = Math.random,
  uuid = makeUuid,
  clock = ownClock,
  locks = globalThis.navigator?.locks ?? null,
  Channel = globalThis.window === globalThis ? globalThis.BroadcastChannel ?? null : null,
  network = browserNetwork(),
} = {}) => {
  if (!url) throw new Error("createClient needs the url of the server");
  if (!WebSocket) throw new Error("createClient needs a WebSocket: this runtime has none of its own");
  const base = new URL("/", url).href;

  const listeners = new Map();
  /** @type {State} */
  let state = { connection: "idle" };
  let signedIn = false;
  let parting = false; // a call is under way that ends this session
  let refusedMeanwhile = false;
  let barred = false; // signed in, but nothing is open before a second factor is enrolled
  let me = null; // {username, subject}
  let era = 0; // goes up when everything kept was put away
  let inbox = [];
  let pumping = null;
  let older = new Map(); // key of the peer -> path of the next older page, or null
  let reads = new Map(); // key of the peer -> {peer, upTo}: not known to be told
  let typed = new Map();
  let acked = 0;
  let began = 0;
  let gapAbove = null;
  const timers = new Map();

  const emit = (kind, told) => {
    for (const listener of [...(listeners.get(kind) ?? [])]) {
      try {
        listener(told);
      } catch (error) {
        // A listener's fault is its own: it must not stop the log.
        clock.setTimeout(() => {
          throw error;
        }, 0);
      }
    }
  };

  const later = (what, wait, work) => {
    clock.clearTimeout(timers.get(what));
    timers.set(
      what,
      clock.setTimeout(() => {
        timers.delete(what);
        work();
      }, wait),
    );
  };
  const never = (what) => {
    clock.clearTimeout(timers.get(what));
    timers.delete(what);
  };

  const log = createLog();
  const book = createBook();
  const time = createServerClock(now);
  const { ask, abandon } = createCalls({
    url: base,
    fetch,
    clock,
    now,
    credentials: session === "cookie" ? "same-origin" : "omit",
    time,
  });

  const tabs = createTabs({
    name,
    locks,
    Channel,
    shared: store.shared === true,
    onLead: () => void lead(),
    onWord: (word) => hearTab(word),
  });

  const tokens = createTokens({
    ask,
    mode: session,
    store,
    inTurn: tabs.inTurn,
    clock,
    now,
    random,
    share: (access) => tabs.post({ kind: "access", access }),
    onFresh(access) {
      if (access === null || !signedIn) return;
      const subject = subjectOf(access);
      if (me && me.subject !== null && subject !== null && subject !== me.subject) return finish("changed");
      if (wire.state === "live") wire.say({ type: "auth", token: access, ref: "auth" });
    },
    onRefused: () => (parting ? (refusedMeanwhile = true) : signedIn && finish("revoked")),
  });

  const broken = (error) => {
    emit("fault", { code: "storage", detail: String(error) });
    return false;
  };
  /** True when it is stored. A device that cannot keep anything is told about, and goes on. */
  const keep = (changes) => store.write(changes).then(() => true, broken);

  const outbox = createOutbox({
    keep,
    uuid,
    clock,
    random,
    say: (frame) => wire.say(frame),
    onSilence: () => wire.lost(),
    onTokenNeeded: () => void tokens.renew().catch(() => {}),
    onChange(entry, event) {
      if (event === "settled") return; // told together with the message
      emit("thread", { peer: entry.recipient });
      if (event === "failed") {
        emit("failed", { client_id: entry.client_id, peer: entry.recipient, problem: entry.problem });
        if (tabs.leading) tabs.post({ kind: "outbox", event, entry: plain(entry) });
      }
    },
  });
  /** @param {any} entry */
  const plain = ({ client_id, recipient, content, seq, state: is, waits, problem, ...more }) => ({
    client_id, recipient, content, seq, state: is, ...extrasOf(more), ...(waits ? { waits } : {}), ...(problem ? { problem } : {}),
  });

  const wire = createWire({
    url: `${base.replace(/^http/, "ws")}ws/chat/`,
    WebSocket,
    clock,
    now,
    random,
    network,
    token: tokens.fresh,
    renew: tokens.renew,
    cursor: () => log.cursor,
    onState(next) {
      tell(next);
      tabs.post({ kind: "state", state: next });
    },
    onWelcome(frame, { slowly }) {
      acked = 0;
      inbox.push(frame);
      pump();
      outbox.connected({ slowly });
    },
    onFrame: hear,
    onLost() {
      outbox.disconnected();
      for (const what of ["ack", "gap", "reads", "reads_told"]) never(what);
    },
    onTooLarge: () => outbox.dropLargest(),
    onEnded: (reason, code) => finish(reason, code),
  });

  function tell(next) {
    state = next;
    emit("state", next);
  }

  // --- what the server says

  function hear(frame) {
    if (frame.type === "bye") return outbox.disconnected();
    if (frame.type === "error") return refused(frame);
    if (HINTS.has(frame.type)) {
      emit(frame.type, frame);
      return tabs.post({ kind: "hint", frame });
    }
    inbox.push(frame);
    pump();
  }

  function refused(frame) {
    const ref = typeof frame.ref === "string" ? frame.ref : "";
    if (ref === "auth") return wire.lost(); // the token is of another session than the connection: say hello with it
    if (ref.startsWith("read:")) return void reads.delete(ref.slice(5));
    if (outbox.refuse(ref, frame)) return;
    if (frame.code === "unauthenticated") return void tokens.renew().catch(() => {});
    emit("fault", { code: String(frame.code), detail: String(frame.detail ?? "") });
  }

  function pump() {
    pumping ??= drain().finally(() => {
      pumping = null;
      if (inbox.length > 0) pump();
    });
  }

  const startAnew = (frame, first) => {
    const rows = book.clear();
    older = new Map();
    log.begin(frame.position, frame.epoch);
    began = frame.position;
    return [...rows, ["cursor", { position: frame.position, epoch: frame.epoch, began }]];
  };

  /** What one batch of frames comes to: rows for the store, and what is told once they are stored. */
  const take = (batch) => {
    const result = { rows: new Map(), applied: [], settled: [], touched: new Set(), reset: null };
    const row = (changes) => changes.forEach((change) => change && result.rows.set(change[0], change[1]));
    for (const frame of batch) {
      if (frame.type === "welcome") {
        rename(frame.username);
        const first = log.cursor.position === null;
        if (first || frame.outcome === "reset" || (frame.outcome !== "recovered" && frame.epoch !== log.cursor.epoch)) {
          row(startAnew(frame, first));
          result.applied = [];
          result.reset = { first };
        } else log.named(frame.epoch);
        log.told(frame.position);
        continue;
      }
      log.told(frame.type === "heartbeat" || frame.type === "pong" ? frame.position : 0);
      if (frame.type === "sent") {
        const message = messageOf(frame.message);
        row([outbox.settle(frame.client_id), message && book.settle(message, frame.duplicate === true)]);
        result.settled.push({ client_id: frame.client_id, message, duplicate: frame.duplicate === true });
        if (message) result.touched.add(keyOf(book.peerOf(message)));
      }
      for (const ready of log.take(frame)) {
        const { peer, changes } = book.apply(ready);
        row(changes);
        // One's own message may come back by another way than the answer to its send.
        const message = ready.type === "message" ? messageOf(ready.message) : null;
        if (message && book.isMine(message) && outbox.get(message.client_id)) {
          row([outbox.settle(message.client_id)]);
          result.settled.push({ client_id: message.client_id, message: null, duplicate: true });
        }
        if (ready.type === "receipt" && ready.kind === "read") forgetRead(ready);
        if (peer !== null) result.touched.add(peer);
        result.applied.push(ready);
      }
    }
    if (result.applied.length > 0) result.rows.set("cursor", { ...log.cursor, began });
    return result;
  };

  async function drain() {
    while (inbox.length > 0) {
      const mine = era;
      const result = take(inbox.splice(0));
      const stored = result.rows.size === 0 || (await keep([...result.rows]));
      if (mine !== era) return;
      if (result.reset) tabs.post({ kind: "reset", reset: result.reset });
      if (result.applied.length > 0 || result.settled.length > 0) tabs.post({ kind: "log", frames: result.applied, settled: result.settled });
      announce(result);
      if (stored && log.cursor.position > Math.max(acked, began)) ackSoon();
      watchGap();
      outbox.flush();
      if (reads.size > 0) readSoon();
    }
  }

  /** In the order of the log, each once. */
  const announce = ({ applied, touched, reset }) => {
    if (reset) emit("reset", reset);
    for (const frame of applied) {
      emit("event", frame);
      const message = messageOf(frame.message);
      if (message && (frame.type === "message" || frame.type === "sent")) emit("message", { ...message, mine: book.isMine(message) });
    }
    for (const peer of touched) emit("thread", { peer });
    watchExpiry();
  };

  const ackSoon = () => {
    if (timers.has("ack")) return;
    later("ack", ACK_MS, () => {
      const { position } = log.cursor;
      if (position > acked && wire.say({ type: "ack", position })) acked = position;
    });
  };

  /** The server fills a gap unasked, within seconds; one that stays means that this connection is not to be trusted. */
  const watchGap = () => {
    const { position } = log.cursor;
    if (!log.behind || position !== gapAbove) never("gap");
    gapAbove = position;
    if (!log.behind || timers.has("gap")) return;
    if (log.waiting > MOST_EARLY) return wire.lost();
    later("gap", GAP_MS, () => log.behind && log.cursor.position === position && wire.lost());
  };

  const rename = (username) => {
    if (typeof username !== "string" || me?.username === username) return;
    me = { ...me, username };
    book.me = username;
    void keep([["me", me]]);
  };

  // --- times: the server's only

  const isOver = ({ expires_at: ends }) => ends !== undefined && time.now() !== null && Date.parse(ends) <= time.now();

  const watchExpiry = () => {
    const moment = time.now();
    if (moment === null) return;
    let next = Infinity;
    const over = new Set();
    for (const { peer, at } of book.expiring()) if (at > moment) (next = Math.min(next, at)), over.add(peer);
    if (next === Infinity) return never("expiry");
    later("expiry", Math.min(next - moment, LONGEST_TIMER_MS), () => {
      for (const peer of over) emit("thread", { peer });
      watchExpiry();
    });
  };

  // --- what one does

  const needIn = () => {
    if (!signedIn) throw new Problem("aborted", { code: "signed_out" });
  };

  /** @param {string} method
      @param {string} path
      @param {import("./calls.js").Asking} [options] */
  const call = async (method, path, options = {}) => {
    needIn();
    const used = await tokens.fresh();
    const withToken = (access) => ({ ...options, headers: { ...options.headers, Authorization: `Bearer ${access}` } });
    try {
      return await ask(method, path, withToken(used));
    } catch (problem) {
      if (!problem.unauthenticated) throw problem;
      return ask(method, path, withToken(tokens.access !== used && tokens.access !== null ? tokens.access : await tokens.renew()));
    }
  };

  const standingOf = async (username, { signal } = {}) => {
    const { status, said } = await ask("GET", query("/api/auth/check-username/", { username }), { signal });
    if (typeof said?.exists !== "boolean") throw new Problem("problem", { status, code: "bad_answer" });
    return said;
  };

  const readSoon = () => {
    if (timers.has("reads")) return;
    later("reads", READ_MS, () => {
      if (wire.state !== "live") return;
      const said = [...reads].filter(([key, { peer, upTo }]) => wire.say({ type: "read", peer, up_to: upTo, ref: `read:${key}` }));
      // Nothing answers a read that was known already: what stayed unanswered on a connection that lasted has arrived.
      later("reads_told", READ_KEPT_MS, () => {
        for (const [key, { upTo }] of said) if (reads.get(key)?.upTo === upTo) reads.delete(key);
        keepReads();
      });
    });
  };
  const keepReads = () => tabs.leading && keep([["reads", [...reads]]]);
  const forgetRead = ({ by, peer, up_to: upTo }) => {
    if (typeof by !== "string" || typeof peer !== "string" || keyOf(by) !== keyOf(me?.username ?? "")) return;
    if ((reads.get(keyOf(peer))?.upTo ?? Infinity) <= upTo && reads.delete(keyOf(peer))) void keepReads();
  };

  const wantRead = (peer, upTo) => {
    const key = keyOf(peer);
    if (!isCount(upTo) || upTo <= Math.max(book.marksOf(key).seen, reads.get(key)?.upTo ?? 0)) return;
    reads.set(key, { peer, upTo });
    if (!tabs.leading) return tabs.post({ kind: "read", peer, upTo });
    void keepReads();
    if (wire.state === "live") readSoon();
  };

  /** A call whose answer tells timers. What was asked before everything began anew tells none. */
  const learnTimers = async (method, path, options) => {
    const [pages, position] = [older, log.cursor.position ?? 0];
    const answer = await call(method, path, options);
    const changes = new Map();
    for (const one of pages === older ? [answer.said].flat() : []) {
      const change = typeof one?.peer === "string" && book.learnTimer(keyOf(one.peer), one.ttl_seconds, position);
      if (change) changes.set(one.peer, change);
    }
    if (changes.size > 0 && tabs.leading) await keep([...changes.values()].slice(-1));
    for (const peer of changes.keys()) emit("thread", { peer });
    return answer;
  };

  const sayTyping = (peer) => {
    const key = keyOf(peer);
    if (wire.state !== "live" || now() - (typed.get(key) ?? -Infinity) < TYPING_MS) return;
    typed.set(key, now());
    wire.say({ type: "typing", peer });
  };

  // --- several tabs

  async function lead() {
    const mine = era;
    await following;
    // What this tab knows is enough to go on with when the store does not open any more.
    await load().catch(broken);
    if (mine !== era || !signedIn || !tabs.leading) return;
    tokens.tend();
    wire.start();
  }

  function hearTab(word) {
    if (!signedIn || !word || typeof word !== "object") return;
    if (word.kind === "ended") return (word.of ?? me?.subject) === me?.subject && finish(word.reason, undefined, { told: true });
    if (word.kind === "access") return tokens.adopt(word.access);
    if (word.kind === "outbox") return hearOutbox(word);
    if (tabs.leading) return hearFollower(word);
    if (word.kind === "state") hearLeader(word);
    if (word.kind === "hint") emit(word.frame.type, word.frame);
    if (word.kind === "reset") void followReset(word.reset);
    if (word.kind === "log") follow(word);
  }

  const hearFollower = (word) => {
    if (word.kind === "hi") {
      tabs.post({ kind: "state", state, cursor: log.cursor });
      if (tokens.access) tabs.post({ kind: "access", access: tokens.access });
    }
    if (word.kind === "read") wantRead(word.peer, word.upTo);
    if (word.kind === "typing") sayTyping(word.peer);
    if (word.kind === "hurry") wire.hurry();
  };

  const hearOutbox = ({ event, entry }) => {
    if (!tabs.leading) return outbox.told(event, entry);
    if (event === "written") {
      typed.delete(keyOf(entry.recipient));
      outbox.add(entry);
    } else {
      outbox.told(event, entry);
      outbox.flush();
    }
  };

  let following = Promise.resolve();

  /** Nothing that the leader has done since can be had: the past is loaded anew. */
  const catchUp = (cursor) => {
    log.begin(cursor.position, cursor.epoch);
    older = new Map();
    emit("reset", { first: true });
  };

  function hearLeader({ state: next, cursor }) {
    // What was read while nobody led may not be told.
    if (next.connection === "live") for (const { peer, upTo } of reads.values()) tabs.post({ kind: "read", peer, upTo });
    following = following.then(async () => {
      if (!isCount(cursor?.position)) return;
      log.told(cursor.position);
      // What came between the reading of the store and the first word here was told to nobody.
      if (log.behind) await load({ anew: true });
      if (log.cursor.position === null) catchUp(cursor);
    });
    tell(next);
  }

  const follow = (word) => {
    following = following.then(async () => {
      const result = { applied: [], touched: new Set(), reset: null };
      for (const { client_id: clientId, message, duplicate } of word.settled) {
        outbox.settle(clientId);
        if (message && book.settle(message, duplicate)) result.touched.add(keyOf(book.peerOf(message)));
      }
      for (const frame of word.frames) {
        for (const ready of log.take(frame)) {
          const { peer } = book.apply(ready);
          if (ready.type === "receipt" && ready.kind === "read") forgetRead(ready);
          if (peer !== null) result.touched.add(peer);
          result.applied.push(ready);
        }
      }
      announce(result);
      if (!log.behind) return;
      await load({ anew: true });
      // What the leader tells is in the store by then, or the store is broken.
      const last = word.frames.at(-1)?.position ?? 0;
      if (last > (log.cursor.position ?? 0)) catchUp({ position: last, epoch: log.cursor.epoch });
    });
  };

  const followReset = (reset) => {
    following = following.then(async () => {
      await load({ anew: true });
      older = new Map();
      emit("reset", reset);
    });
    return following;
  };

  // --- beginning and end

  async function load({ anew = false } = {}) {
    const held = anew ? outbox.kept() : [];
    const [kept, cursor, entries, rows, marks, lasting, wanted] = await Promise.all([
      store.get("me"),
      store.get("cursor"),
      store.list("outbox/"),
      store.list("message/"),
      store.get("marks"),
      store.get("timers"),
      store.get("reads"),
    ]);
    const waiting = new Set(entries.map(([, entry]) => entry?.client_id));
    for (const clientId of held) if (!waiting.has(clientId)) outbox.settle(clientId);
    if (anew) {
      book.clear();
      older = new Map();
    }
    if (kept?.username) me = kept;
    book.me = me?.username ?? "";
    const spare = rows.splice(0, Math.max(0, rows.length - MOST_KEPT));
    if (spare.length > 0) await keep(spare.map(([key]) => [key, undefined]));
    const listOf = (row) => (Array.isArray(row) ? row : []);
    book.load(rows.map(([, message]) => messageOf(message)).filter(Boolean), listOf(marks), listOf(lasting));
    if (isCount(cursor?.position)) log.begin(cursor.position, cursor.epoch);
    began = cursor?.began ?? 0;
    outbox.load(entries.map(([, entry]) => entry));
    for (const [key, one] of listOf(wanted)) if (!reads.has(key) && isCount(one?.upTo)) reads.set(key, one);
    for (const peer of book.peers()) emit("thread", { peer });
    for (const { recipient } of outbox.ordered()) emit("thread", { peer: recipient });
    watchExpiry();
  }

  const onOnline = () => hurry();
  const onOffline = () => tabs.leading && wire.gone();

  const begin = async () => {
    signedIn = true;
    barred = false;
    const mine = era;
    try {
      if (!me?.username) {
        const { said } = await call("GET", "/api/users/me/");
        if (typeof said?.username !== "string") throw new Problem("problem", { status: 200, code: "bad_answer" });
        me = { username: said.username, subject: subjectOf(tokens.access) };
        await keep([["me", me]]);
      }
      await load();
    } catch (error) {
      barred = error.code === "enrolment_required";
      if (mine === era) signedIn = barred;
      throw error;
    }
    if (mine !== era) throw new Problem("aborted");
    network?.addEventListener("online", onOnline);
    network?.addEventListener("offline", onOffline);
    tell({ connection: "connecting" });
    tabs.start();
    tabs.post({ kind: "hi" });
  };

  /** Puts everything of the person out of memory. */
  const putAway = () => {
    era += 1;
    signedIn = barred = false;
    wire.stop();
    tabs.stop();
    outbox.clear();
    tokens.forget();
    book.clear();
    log.begin(null, null);
    abandon();
    network?.removeEventListener("online", onOnline);
    network?.removeEventListener("offline", onOffline);
    for (const what of [...timers.keys()]) never(what);
    inbox = [];
    me = null;
    time.forget();
    [older, reads, typed] = [new Map(), new Map(), new Map()];
    acked = began = 0;
    following = Promise.resolve();
  };

  let destroying = Promise.resolve();

  function finish(reason, code, { told = false } = {}) {
    if (!signedIn) return;
    const unsent = outbox.size;
    const gone = !SESSION_STANDS.has(reason);
    const subject = me?.subject ?? null;
    if (!told && (gone || reason === "changed")) tabs.post({ kind: "ended", reason, of: subject });
    putAway();
    // Whoever must enrol is asked by the server again, not let in by what is kept.
    if (reason === "enrolment") destroying = keep([["me", undefined]]);
    if (gone && !told) destroying = store.destroy().catch(broken);
    // Whoever has come by another way than this library has put nothing of us away.
    if (reason === "changed" && !told) destroying = store.get("me").then((kept) => kept?.subject === subject && store.destroy()).catch(broken);
    tell({ connection: "ended", reason, ...(code === undefined ? {} : { code }) });
    emit("ended", { reason, ...(code === undefined ? {} : { code }), unsent });
  }

  const enter = async (said) => {
    if (typeof said?.access !== "string") throw new Problem("problem", { status: 200, code: "bad_answer" });
    if (signedIn) putAway();
    await destroying;
    const subject = subjectOf(said.access);
    const kept = await store.get("me");
    if (kept && kept.subject !== subject) {
      tabs.post({ kind: "ended", reason: "changed" });
      await store.destroy();
    } else me = kept ?? null;
    await tokens.keep(said);
    await begin();
  };

  const hurry = () => (tabs.leading ? wire.hurry() : tabs.post({ kind: "hurry" }));
  const cookie = session === "cookie" ? COOKIE_HEADER : {};
  const signingIn = async (path, body) => enter((await ask("POST", path, { body, headers: cookie })).said);

  return {
    /** Hears "state", "message", "event", "thread", "reset", "typing", "presence", "notice", "failed", "fault" and "ended".
        @param {string} kind
        @param {(told: any) => void} listener
        @returns {() => void} stops hearing */
    on(kind, listener) {
      if (!listeners.has(kind)) listeners.set(kind, new Set());
      listeners.get(kind).add(listener);
      return () => void listeners.get(kind).delete(listener);
    },
    /** @returns {State} */
    get state() {
      return state;
    },
    /** The name of who is signed in, or null. */
    get me() {
      return signedIn ? (me?.username ?? null) : null;
    },
    /** True in the tab that holds the connection. */
    get leading() {
      return tabs.leading;
    },
    /** The highest contiguous position, with its epoch. */
    get cursor() {
      return log.cursor;
    },
    /** True when nothing is known to be missing. */
    get upToDate() {
      return state.connection === "live" && !log.behind && inbox.length === 0;
    },

    /** Makes an account; signs nobody in. */
    register: async (username, password) => void (await ask("POST", "/api/auth/register/", { body: { username, password } })),
    /** Signs in and connects. A Problem `second_factor_required` has `said.mfa_token` and `said.factors`.
        @param {string} username
        @param {string} password
        @param {{device?: string}} [options] */
    signIn: (username, password, { device } = {}) =>
      signingIn("/api/auth/login/", { username, password, ...(device === undefined ? {} : { device }) }),
    /** @param {{mfa_token: string, otp?: string, recovery_code?: string, credential?: object}} shown */
    secondFactor: (shown) => signingIn("/api/auth/login/second-factor/", shown),
    /** Signs in by a passkey alone.
        @param {object} credential
        @param {{device?: string}} [options] */
    passkey: (credential, { device } = {}) => signingIn("/api/auth/login/passkey/", { credential, ...(device === undefined ? {} : { device }) }),
    /** Goes on with an earlier sign-in. False when there is none; with what is kept it begins without a network. */
    async resume() {
      if (signedIn && !barred) return true;
      await destroying;
      me = (await store.get("me")) ?? null;
      if (session === "tokens" && !(await store.get("session"))) {
        if (!given) return false;
        await enter(given);
        return true;
      }
      try {
        if (!me) await tokens.renew();
      } catch (problem) {
        if (problem.unauthenticated) return false;
        throw problem;
      }
      await begin();
      return true;
    },
    /** Ends the session. What is kept on the device is destroyed at once, whatever becomes of the call. */
    async signOut() {
      needIn();
      const { access } = tokens;
      const shown = await tokens.shown().catch(() => ({}));
      finish("signed_out");
      await destroying;
      const endBy = (token) => ask("POST", "/api/auth/logout/", { body: {}, headers: { ...cookie, Authorization: `Bearer ${token}` } });
      try {
        if (access !== null) return void (await endBy(access));
      } catch (problem) {
        if (!problem.unauthenticated) throw problem;
        // That the access token has ended says nothing of the session.
      }
      try {
        await endBy((await ask("POST", "/api/auth/refresh/", shown)).said?.access);
      } catch (problem) {
        if (!problem.unauthenticated) throw problem;
      }
    },
    /** Makes a call that ends this session on the server (an erasure, a sign-out everywhere), and destroys what is kept when it has.
        What else ends the session meanwhile waits for its answer.
        @template Answer
        @param {() => Promise<Answer>} work
        @returns {Promise<Answer>} */
    async part(work) {
      needIn();
      parting = true;
      try {
        const answer = await work();
        parting = false;
        finish("signed_out");
        await destroying;
        return answer;
      } finally {
        parting = false;
        if (refusedMeanwhile) finish("revoked");
        refusedMeanwhile = false;
      }
    },
    /** Lets go of connection and timers; what is kept stays, and `resume()` goes on. */
    stop() {
      if (!signedIn) return;
      putAway();
      tell({ connection: "idle" });
    },
    /** Try now instead of later; when live, ask whether the other side is still there. For a page that is looked at again. */
    hurry,

    /** Any other call, with the token: {status, said, next}. Throws a Problem.
        @param {string} method
        @param {string} path
        @param {import("./calls.js").Asking} [options] */
    call: (method, path, options) => call(method, path, options),
    /** Any other call that needs no token, likewise.
        @param {string} method
        @param {string} path
        @param {import("./calls.js").Asking} [options] */
    ask: (method, path, options) => ask(method, path, options),
    /** Whether there is somebody of that name.
        @param {string} username
        @param {{signal?: AbortSignal}} [options]
        @returns {Promise<boolean>} */
    checkUsername: async (username, options) => (await standingOf(username, options)).exists,
    /** Whether a new account cannot have that name: somebody has it, or one that looks like it.
        @param {string} username
        @param {{signal?: AbortSignal}} [options]
        @returns {Promise<boolean>} */
    async isTaken(username, options) {
      const { exists, available } = await standingOf(username, options);
      return exists || available === false;
    },
    /** A page of conversations, as the server has them; `next` is for the following call. With `unread` only those in which
        something waits to be read, with `before` those whose last message has a lower id.
        @param {{limit?: number, before?: number, unread?: boolean, next?: string}} [options] */
    async conversations({ limit = 50, before, unread, next } = {}) {
      const page = await learnTimers("GET", next ?? query("/api/conversations/", { limit, before, unread: unread || null }));
      return { conversations: listIn(page), next: page.next };
    },
    /** Loads the next older page of a conversation into what `messages` gives. True while there is more.
        @param {string} peer
        @param {{limit?: number}} [options] */
    async history(peer, { limit = 50 } = {}) {
      const key = keyOf(peer);
      if (older.get(key) === null) return false;
      const pages = older;
      const page = await call("GET", older.get(key) ?? query("/api/auth/messages/", { with: peer, limit, before: book.oldestOf(key) }));
      if (pages !== older) return true; // everything began anew meanwhile
      const rows = book.merge(listIn(page).map(messageOf).filter(Boolean));
      older.set(key, page.next);
      if (tabs.leading && rows.length > 0) await keep(rows);
      emit("thread", { peer });
      watchExpiry();
      return page.next !== null;
    },
    /** What is known of a conversation, by rising id, and behind it what waits to be sent.
        @returns {Message[]} */
    messages(peer) {
      const key = keyOf(peer);
      const waiting = outbox.ordered().filter(({ recipient }) => keyOf(recipient) === key);
      return [
        ...book.messages(key).filter((message) => !isOver(message)),
        ...waiting.map(({ client_id, recipient, content, reply_to, state: is, problem }) => ({
          client_id, sender: me?.username ?? "", recipient, content, mine: true, state: is,
          ...extrasOf({ reply_to }), ...(problem ? { problem } : {}),
        })),
      ];
    },
    /** How many seconds both want what is written in a conversation to last, or null: what is sent is given it as `ttlSeconds`. */
    timerOf: (peer) => book.timerOf(keyOf(peer)),
    /** Asks the server for it: of a conversation that is in no list, because it has no message.
        @param {string} peer
        @returns {Promise<number | null>} */
    async loadTimer(peer) {
      await learnTimers("GET", `/api/conversations/${encodeURIComponent(peer)}/`);
      return book.timerOf(keyOf(peer));
    },
    /** Sets that for both, null for ever.
        @param {string} peer
        @param {number | null} seconds */
    setTimer: async (peer, seconds) =>
      void (await learnTimers("PATCH", `/api/conversations/${encodeURIComponent(peer)}/`, { body: { ttl_seconds: seconds } })),
    /** Names of those of whom messages are known or wait. */
    peers: () => [...new Set([...book.peers(), ...outbox.ordered().map(({ recipient }) => keyOf(recipient))])],
    /** Message ids: how far the peer has received and read, and how far one has read oneself, told or not. */
    marks(peer) {
      const key = keyOf(peer);
      const known = book.marksOf(key);
      return { ...known, seen: Math.max(known.seen, reads.get(key)?.upTo ?? 0) };
    },

    /** Writes a message. It is in `messages` at once; the promise is kept when it would survive a reload, with its `client_id`.
        @param {string} recipient
        @param {string} content
        @param {{ttlSeconds?: number, replyTo?: number}} [options]  `replyTo`: the id of the message that it quotes */
    async send(recipient, content, { ttlSeconds, replyTo } = {}) {
      needIn();
      typed.delete(keyOf(recipient)); // whoever goes on typing is told of at once
      const offline = state.connection !== "live";
      const entry = await outbox.write(recipient, content, { ttl_seconds: ttlSeconds, reply_to: replyTo }, { offline });
      if (tabs.leading) outbox.flush();
      else entry.tried = true;
      tabs.post({ kind: "outbox", event: "written", entry: plain(entry) });
      return entry.client_id;
    },
    /** Sends again what has failed; without the quote, if it failed because what it quotes is gone. */
    async retry(clientId) {
      const entry = outbox.get(clientId);
      const done = await outbox.retry(clientId);
      if (done) tabs.post({ kind: "outbox", event: "retried", entry: plain(entry) });
      return done;
    },
    /** Gives up what has failed, or was never on its way; false when it may have arrived. */
    async discard(clientId) {
      const entry = outbox.get(clientId);
      const done = await outbox.discard(clientId);
      if (done) tabs.post({ kind: "outbox", event: "discarded", entry: plain(entry) });
      return done;
    },
    /** How many messages wait or have failed. */
    get unsent() {
      return outbox.size;
    },
    /** Another text for one's own message; what is shown changes when the log says so. */
    edit: async (id, content) => (await call("PATCH", `/api/messages/${id}/`, { body: { content } })).said,
    /** Takes one's own message back. */
    delete: async (id) => void (await call("DELETE", `/api/messages/${id}/`)),
    /** Everything of this person up to this message id has been read; told soon, merged, and again after a loss. */
    read(peer, upTo) {
      needIn();
      wantRead(peer, upTo);
    },
    /** The person types; call it at every key. */
    typing(peer) {
      if (tabs.leading) sayTyping(peer);
      else tabs.post({ kind: "typing", peer });
    },
    /** The server's time in milliseconds, or null before its first answer. The device's clock may be wrong. */
    serverNow: time.now,
  };
};
