/* The list of conversations, kept up to date by what the client knows and what the server says; who is blocked and muted. */
import { batch, computed, signal } from "@preact/signals";
import { messageOf } from "../recado/book.js";
import { isCount, keyOf } from "../recado/names.js";
import { createEndings } from "./endings.js";
import { dayOf, emptied, newestFirst, newRow, outlived, unreadOf, withPage, withRow } from "./listing.js";

const MOST_NAMES = 500;
const MOST_UNREAD = 200; // conversations in a page
const MOST_PAGES = 40; // of a list that is walked to its end: one that leads back to itself has one as well
export const AGAIN_MS = 10_000;

/** The id of the oldest last message of a page, Infinity when none has one. */
const oldestIn = (said) => Math.min(...said.map((one) => one?.last_message?.id).filter(isCount));
const array = (value) => (Array.isArray(value) ? value : []);

/** `drafts` is a signal: key -> {peer, text}; `onRows(rows)` is told when they have changed, and takes them from a function. */
export const createDirectory = ({ client, drafts, onRows, clock = globalThis }) => {
  const rows = signal(new Map());
  const unread = signal(new Map()); // key -> number
  const blocked = signal(new Set());
  const muted = signal(new Set());
  const status = signal("loading"); // loading, ready, failed
  const more = signal(null); // the next page of the server's
  const moreStatus = signal("ready"); // ready, loading, failed
  const readTo = new Map(); // key -> message id up to which this page has seen all
  const ended = new Set(); // ids of messages, so that a list that was asked for before does not bring them back
  let stopped = false;
  let lost = false; // nothing is known of the past: what the rows say of it holds until the server has answered
  const asked = new Set(); // ids of last messages whose time was over: the one before is asked for once
  let loading = null;
  let next = null;
  let walks = 0; // of what is unread further down: the newest counts

  /** A row with all that is known of its conversation. */
  const whole = (row) => ({
    ...row,
    draft: drafts.value.get(row.key)?.text ?? "",
    unread: unread.value.get(row.key) ?? 0,
    blocked: blocked.value.has(row.key),
    muted: muted.value.has(row.key),
    timer: client.timerOf(row.peer), // whoever changes it has the row drawn anew
  });
  const conversations = computed(() => newestFirst([...rows.value.values()].map(whole)));

  const setRows = (next) => {
    if (next === rows.peek()) return;
    rows.value = next;
    if (!stopped) endings.watch();
    onRows(() => conversations.peek().map(({ key, peer, displayName, last, base }) => ({ key, peer, displayName, last, base })));
  };

  /** Its time may be over without a word of the server's, which may be out of reach. */
  const isOver = (message) => message?.expires_at !== undefined && Date.parse(message.expires_at) <= (client.serverNow() ?? 0);

  const ending = () => [...rows.peek().values()].filter(({ last }) => last?.expires_at);
  const endings = createEndings({
    client,
    clock,
    ends: () => ending().map(({ last }) => Date.parse(last.expires_at)),
    onEnd: () => batch(() => ending().forEach(({ key, last }) => isOver(last) && refresh(key))),
  });

  /** The last one that is shown has ended, and none before it is known here. */
  const askBefore = (id) => {
    if (asked.has(id) || client.state.connection !== "live") return;
    asked.add(id);
    void loadAnew();
  };

  const seenOf = (key) => Math.max(client.marks(key).seen, readTo.get(key) ?? 0);

  const count = (key, items) => {
    const row = rows.peek().get(key);
    const left = !row || key === keyOf(client.me ?? "") ? 0 : unreadOf(row, items, seenOf(key));
    if ((unread.peek().get(key) ?? 0) === left) return;
    const next = new Map(unread.peek());
    if (left > 0) next.set(key, left);
    else next.delete(key);
    unread.value = next;
  };

  /** What the client knows of a conversation has changed. */
  const refresh = (key) => {
    const items = client.messages(key);
    const newest = items.at(-1);
    const stored = items.findLast(({ id }) => id !== undefined);
    const before = rows.peek().get(key);
    const known = isOver(before?.last) ? outlived(before, seenOf(key)) : before;
    if (newest) {
      const peer = newest.mine ? newest.recipient : newest.sender;
      const row = known ?? newRow(peer);
      const last = stored && stored.id >= (row.last?.id ?? 0) ? stored : row.last;
      // What was refused is shown before what waits.
      const pending = items.findLast(({ state }) => state === "failed") ?? (newest.id === undefined ? newest : null);
      setRows(new Map(rows.peek()).set(key, { ...row, peer, last, pending }));
    } else if (known) {
      // Also when nothing of it changes here: its timer may have.
      setRows(withRow(rows.peek(), key, { ...known, pending: null }));
    }
    if (before?.last && rows.peek().get(key).last === null) askBefore(before.last.id);
    count(key, items);
  };

  /** A list to its end, unless it `isOver()` before: `load(next)` gives a page of it, which `take` is given. */
  const walk = async (load, take, isOver = () => stopped) => {
    let next = null;
    for (let turn = 0; turn === 0 || (next && turn < MOST_PAGES); turn += 1) {
      const page = await load(next);
      if (isOver()) return;
      take(page);
      next = page.next;
    }
  };

  const namesIn = (said) => array(said).flatMap((one) => (typeof one?.username === "string" ? [keyOf(one.username)] : []));

  const loadNamesOf = async (path, names) => {
    const before = names.peek();
    const found = new Set();
    await walk(
      (next) => client.call("GET", next ?? `${path}?limit=${MOST_NAMES}`),
      ({ said }) => namesIn(said).forEach((name) => found.add(name)),
    );
    if (stopped) return;
    // What was done meanwhile may not be in these answers.
    if (names.peek() !== before) return loadNamesOf(path, names);
    names.value = found;
  };

  const keysOf = (said) => said.flatMap((one) => (typeof one?.peer === "string" ? [keyOf(one.peer)] : []));

  /** Rows of which a page tells, or would if they were still as they were shown, and of which the client does not know better:
      what was known of them is from an earlier visit or page, and may have gone since. */
  const doubtful = (said, { first = false, next = null } = {}) => {
    const listed = new Set(keysOf(said));
    const oldest = next ? oldestIn(said) : 0;
    const isTold = ({ key, last }) => listed.has(key) || (first && (last?.id ?? Infinity) >= oldest);
    const isKnown = ({ key, last }) => last !== null && client.messages(key).some(({ id }) => id === last.id);
    return new Map([...rows.peek()].filter(([, row]) => (row.last || row.ended || row.base.unread > 0) && isTold(row) && !isKnown(row)));
  };

  const takePage = (said, page) =>
    batch(() => {
      const emptyNow = emptied(doubtful(said, page));
      setRows(new Map([...rows.peek(), ...emptyNow]));
      const overtaken = said.filter((one) => ended.delete(one?.last_message?.id));
      const still = said.map((one) => (overtaken.includes(one) ? { ...one, last_message: null } : one));
      if (overtaken.length > 0) void loadAnew();
      const anew = lost && page?.first; // what stood until the server has answered
      setRows(withPage(anew ? emptied(rows.peek()) : rows.peek(), still));
      const keys = anew ? rows.peek().keys() : [...emptyNow.keys(), ...keysOf(said)];
      lost &&= !anew;
      for (const key of keys) refresh(key);
    });

  /** What has failed on a connection that stands is asked for again; with the next connection it is anyway. */
  const again = (problem) => {
    if (stopped || problem.kind === "aborted") return;
    clock.clearTimeout(next);
    const wait = Math.max(AGAIN_MS, (problem.retryAfter ?? 0) * 1000);
    next = clock.setTimeout(() => !stopped && client.state.connection === "live" && void load(), wait);
  };

  /** All below a page in which something is unread: they are counted, though the rest of what is there is not asked for yet. */
  const loadUnread = ({ conversations: said, next: more }) => {
    const mine = (walks += 1);
    const before = oldestIn(said);
    if (!more || before === Infinity) return;
    const load = (next) => client.conversations(next ? { next } : { limit: MOST_UNREAD, unread: true, before });
    const isOver = () => stopped || mine !== walks;
    void walk(load, (page) => takePage(page.conversations), isOver).catch((problem) => isOver() || again(problem));
  };

  /** No event tells of what was done at another device. */
  const loadNames = () => {
    void loadNamesOf("/api/blocks/", blocked).catch(again);
    void loadNamesOf("/api/mutes/", muted).catch(again);
  };

  const loadOnce = async () => {
    clock.clearTimeout(next);
    if (status.peek() === "failed") status.value = "loading";
    loadNames();
    try {
      const page = await client.conversations();
      if (stopped) return;
      takePage(page.conversations, { first: true, next: page.next });
      if (status.peek() !== "ready") more.value = page.next;
      status.value = "ready";
      loadUnread(page);
    } catch (problem) {
      again(problem);
      if (!stopped && problem.kind !== "aborted" && status.peek() !== "ready") status.value = "failed";
    }
  };

  const load = () => {
    loading ??= loadOnce().finally(() => (loading = null));
    return loading;
  };

  /** What is under way may have been answered before this was so. */
  const loadAnew = () => (loading ? loading.then(load) : load());

  const know = (names, peer, on) => {
    const next = new Set(names.peek());
    if (on) next.add(keyOf(peer));
    else next.delete(keyOf(peer));
    names.value = next;
  };

  const put = (path, names) => async (peer, on) => {
    await client.call(on ? "PUT" : "DELETE", `${path}${encodeURIComponent(peer)}/`);
    know(names, peer, on);
  };

  return {
    conversations,
    status,
    more,
    moreStatus,
    blocked,
    muted,
    unreadTotal: computed(() => [...unread.value].reduce((sum, [key, left]) => (muted.value.has(key) ? sum : sum + left), 0)),
    unreadOf: (key) => unread.peek().get(key) ?? 0,
    load,
    loadNames,
    async loadMore() {
      if (!more.peek() || moreStatus.peek() === "loading") return;
      moreStatus.value = "loading";
      try {
        const page = await client.conversations({ next: more.peek() });
        if (stopped) return;
        takePage(page.conversations);
        more.value = page.next;
        moreStatus.value = "ready";
      } catch {
        if (!stopped) moreStatus.value = "failed";
      }
    },
    refresh,
    row: (key) => rows.peek().get(key),
    /** All that is known of one conversation, listed or not; null when there is none. */
    about: (key) => (rows.value.has(key) ? whole(rows.value.get(key)) : null),
    /** The conversation with this person, made when there is none; it is listed when something is in it. */
    rowWith(peer) {
      const key = keyOf(peer);
      if (!rows.peek().has(key)) setRows(new Map(rows.peek()).set(key, newRow(peer)));
      return rows.peek().get(key);
    },
    /** A person has seen everything up to this message. */
    read(peer, upTo) {
      const key = keyOf(peer);
      if (upTo <= (readTo.get(key) ?? 0)) return;
      readTo.set(key, upTo);
      client.read(peer, upTo);
      count(key, client.messages(key));
    },
    presence({ peer, online, last_seen: lastSeen }) {
      if (typeof peer !== "string" || typeof online !== "boolean") return;
      // Who has come and gone since is not where an older day says; and some go without one.
      setRows(withRow(rows.peek(), keyOf(peer), { online, lastSeen: dayOf(lastSeen) }));
    },
    /** The connection is lost: who was there may have gone. With the next one the server tells who is. */
    disconnected() {
      const present = [...rows.peek()].filter(([, { online }]) => online);
      if (present.length > 0) setRows(new Map([...rows.peek(), ...present.map(([key, row]) => [key, { ...row, online: undefined }])]));
    },
    /** A message has ended. The server is asked when it was the last one that is shown and no other is known here,
        or when it may be one of the unread that the server has counted. */
    gone(id, peer) {
      const key = typeof peer === "string" ? keyOf(peer) : "";
      const row = rows.peek().get(key);
      if (!isCount(id)) return;
      ended.add(id);
      if (!row) return;
      // What its own time has ended before this word of it may have been listed by the server a moment longer.
      if (row.last === null && row.ended === id) return void loadAnew();
      const wasLast = row.last?.id === id;
      const left = wasLast ? (client.messages(key).findLast((message) => message.id !== undefined) ?? null) : row.last;
      if (wasLast) setRows(withRow(rows.peek(), key, { last: left, ended: left ? undefined : id }));
      const wasCounted = row.base.unread > 0 && id <= row.base.upTo && id > seenOf(key);
      if ((wasLast && left === null) || wasCounted) void loadAnew();
    },
    /** A message has another text: the one that is shown may be known from the list alone. */
    edited(said) {
      const message = messageOf(said);
      for (const key of message ? [keyOf(message.sender), keyOf(message.recipient)] : []) {
        if (rows.peek().get(key)?.last?.id === message.id) setRows(withRow(rows.peek(), key, { last: message }));
      }
    },
    drop(key) {
      const next = new Map(rows.peek());
      next.delete(key);
      setRows(next);
      count(key, []);
    },
    block: put("/api/blocks/", blocked),
    mute: put("/api/mutes/", muted),
    /** Somebody was blocked or muted, or is no more, in another tab. */
    told: (kind, peer, on) => know({ block: blocked, mute: muted }[kind], peer, on),
    /** What an earlier visit has kept. */
    restore(kept) {
      const known = kept
        .filter((row) => typeof row?.peer === "string" && isCount(row.base?.upTo) && isCount(row.base?.unread))
        .map((row) => ({ ...row, key: keyOf(row.peer), last: messageOf(row.last) }));
      setRows(new Map([...known.map((row) => [row.key, row]), ...rows.peek()]));
      for (const { key } of known) refresh(key);
      if (known.length > 0 && status.peek() === "loading") status.value = "known";
    },
    /** Nothing is known of the past any more; the rows stand until the server has answered. */
    reset() {
      readTo.clear();
      ended.clear();
      asked.clear();
      walks += 1;
      lost = true;
      status.value = rows.peek().size > 0 ? "known" : "loading";
    },
    stop() {
      stopped = true;
      clock.clearTimeout(next);
      endings.stop();
    },
  };
};
