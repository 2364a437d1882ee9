/* What one signed-in person does and sees: joins the client's events to the list of conversations and to the open one.
   After `stop` nothing that was under way changes anything any more. What is shown, as signals, is in `state`. */
import { batch, computed, signal } from "@preact/signals";
import { keyOf } from "../recado/names.js";
import { createDirectory } from "./directory.js";
import { withRecent } from "./emoji.js";
import { createKept } from "./kept.js";
import { createQuotes } from "./quotes.js";
import { texts } from "./text.js";
import { openThread } from "./thread.js";
import { today } from "./today.js";
import { createTyping } from "./typing.js";

/** So many at once are read out one by one; more are counted. */
const MOST_READ_OUT = 3;
const GONE = new Set(["deleted", "expired"]);

/** What was to be deleted and is not there is as good as deleted. */
const unlessGone = (problem) => {
  if (problem.status !== 404) throw problem;
};

const isDraft = (one) => typeof one?.peer === "string" && typeof one.text === "string";

/** `watching()` tells whether a person may be looking; `onLive()` is told each time that the connection is there;
    `onNews(message)` of each new message of somebody else, as it comes. `tabs` is a BroadcastChannel or null;
    `keeps` tells whether the store outlives the page. */
export const createChat = ({ client, store, tabs = null, keeps = true, watching, onLive = () => {}, onNews = () => {}, clock = globalThis }) => {
  const me = client.me;
  const connection = signal(client.state);
  const troubled = signal(false); // a try has failed since the connection was last live
  const announcement = signal({ turn: 0, text: "" });
  const notice = signal(null); // something happened to the account: {kind, at, session?}
  const trouble = signal(null); // the Problem of something that was asked for
  const fault = signal(null); // "storage": what is written may not outlive the page; "reset": the past was loaded anew
  const drafts = signal(new Map()); // key -> {peer, text}
  const begun = new Set(); // keys of those that are to be kept
  const opened = signal(null); // what openThread gives, or null
  const kept = createKept({ store, clock });
  const typing = createTyping({ clock });
  const directory = createDirectory({ client, drafts, clock, onRows: (rows) => kept.keepRows(rows) });
  const quotes = createQuotes({ client, clock });
  const cares = [];
  let dirty = new Set();
  let news = [];
  let stopped = false;
  let emoji = [];
  let shownTo = 0; // message id: how far down the open conversation is shown

  const announce = (text) => {
    announcement.value = { turn: announcement.peek().turn + 1, text };
  };

  const shownKey = () => opened.peek()?.key ?? null;

  // --- what the client tells: gathered, and shown once for all that came together

  const readOut = () => {
    const heard = news;
    news = [];
    const t = texts.peek();
    if (heard.length === 0) return;
    if (heard.length > MOST_READ_OUT) return announce(t.count("message.announce_many", heard.length));
    announce(heard.map(({ sender, content }) => t("message.says", { name: sender, text: content })).join("\n"));
  };

  const flush = () => {
    if (stopped) return;
    const keys = dirty;
    dirty = new Set();
    batch(() => {
      for (const key of keys) directory.refresh(key);
      if (keys.has(shownKey())) opened.peek().refresh();
      readOut();
    });
  };

  const touch = (peer) => {
    if (dirty.size === 0) queueMicrotask(flush);
    dirty.add(keyOf(peer));
  };

  const hearMessage = (message) => {
    if (message.mine) return;
    const key = keyOf(message.sender);
    const muted = directory.muted.peek().has(key);
    typing.over(key);
    if (!muted || shownKey() === key) news.push(message);
    touch(message.sender);
    if (shownKey() === key && !watching()) opened.peek().missed(message.id);
    onNews(message, { muted, shown: shownKey() === key && watching() });
  };

  const hearEvent = (frame) => {
    if (frame.type === "edited" && frame.message) {
      quotes.changed(frame.message.id, frame.message);
      directory.edited(frame.message);
    }
    if (GONE.has(frame.type)) {
      quotes.changed(frame.id, null);
      directory.gone(frame.id, frame.peer);
    }
  };

  const hearState = (next) => {
    connection.value = next;
    if (next.connection === "waiting" || next.connection === "offline") troubled.value = true;
    if (next.connection !== "live") return directory.disconnected();
    troubled.value = false;
    void directory.load();
    quotes.retry();
    if (opened.peek()?.value.peek().status === "failed") void opened.peek().load();
    onLive();
  };

  const hearReset = ({ first }) => {
    if (!first) fault.value = "reset";
    directory.reset();
    quotes.reset();
    void directory.load();
    void opened.peek()?.again();
  };

  const hearFailed = ({ peer }) => announce(texts.peek()("message.announce_failed", { name: peer }));

  const listen = () => {
    const ears = {
      state: hearState,
      message: hearMessage,
      event: hearEvent,
      thread: ({ peer }) => touch(peer),
      reset: hearReset,
      failed: hearFailed,
      typing: ({ peer }) => typeof peer === "string" && typing.heard(keyOf(peer)),
      presence: (frame) => directory.presence(frame),
      notice: (frame) => (notice.value = frame),
      fault: ({ code }) => code === "storage" && (fault.value = "storage"),
    };
    for (const [kind, ear] of Object.entries(ears)) cares.push(client.on(kind, (told) => !stopped && ear(told)));
  };

  // --- what a person does

  const open = (peer) => {
    opened.peek()?.close();
    shownTo = 0;
    const row = directory.rowWith(peer);
    const thread = openThread({ client, row, unread: directory.unreadOf(row.key), onSeen: directory.read });
    opened.value = thread;
    void thread.load();
    // What has no message stands in no list, and its timer is known of nowhere else.
    if (row.last === null) client.loadTimer(peer).then(() => touch(peer), () => {});
  };

  const close = () => {
    opened.peek()?.close();
    opened.value = null;
  };

  const putDraft = (key, peer, text) => {
    if ((drafts.peek().get(key)?.text ?? "") === text) return false;
    const next = new Map(drafts.peek());
    if (text) next.set(key, { peer, text });
    else next.delete(key);
    drafts.value = next;
    return true;
  };

  /** What other tabs have begun stays as they have kept it. */
  const mergedDrafts = (known) => {
    const all = new Map(known.filter(isDraft).map((one) => [keyOf(one.peer), one]));
    for (const key of begun) drafts.peek().has(key) ? all.set(key, drafts.peek().get(key)) : all.delete(key);
    begun.clear();
    return [...all.values()];
  };

  const setDraft = (key, text) => {
    const peer = directory.row(key)?.peer ?? key;
    if (!putDraft(key, peer, text)) return;
    begun.add(key);
    kept.keepDrafts(mergedDrafts);
    if (text === "") void kept.flush(); // sent: it must not come back as a draft
    tabs?.postMessage({ kind: "draft", me, peer, text });
  };

  /** Blocks or mutes somebody, or no more: the server tells nobody of it, so this does. */
  const putting = (kind) => async (peer, on) => {
    await directory[kind](peer, on);
    tabs?.postMessage({ kind, me, peer, on });
  };

  /** In another tab of this browser. */
  const hearTab = ({ data }) => {
    if (stopped || data?.me !== me || typeof data.peer !== "string") return;
    if (data.kind === "block" || data.kind === "mute") return directory.told(data.kind, data.peer, data.on === true);
    if (data.kind !== "draft" || typeof data.text !== "string") return;
    directory.rowWith(data.peer);
    if (!putDraft(keyOf(data.peer), data.peer, data.text)) return;
    // That one may be closed before it has kept it.
    begun.add(keyOf(data.peer));
    kept.keepDrafts(mergedDrafts);
  };

  const restore = async () => {
    const [rows, written, used] = await Promise.all([kept.rows(), kept.drafts(), kept.emoji()]);
    if (stopped) return;
    if (emoji.length === 0) emoji = used.filter((one) => typeof one === "string");
    directory.restore(rows);
    const whole = written.filter(isDraft);
    for (const { peer } of whole) directory.rowWith(peer);
    drafts.value = new Map([...whole.map((one) => [keyOf(one.peer), one]), ...drafts.peek()]);
    for (const peer of client.peers()) touch(peer);
  };

  const deleteConversation = async (peer) => {
    await client.call("DELETE", `/api/conversations/${encodeURIComponent(peer)}/`).catch(unlessGone);
    await Promise.all(client.messages(peer).map(({ id, client_id: clientId }) => id === undefined && client.discard(clientId)));
    setDraft(keyOf(peer), "");
    if (shownKey() === keyOf(peer)) close();
    directory.drop(keyOf(peer));
  };

  return {
    state: {
      me,
      connection,
      troubled,
      announcement,
      notice,
      fault,
      trouble,
      conversations: directory.conversations,
      listStatus: directory.status, // loading, ready, failed
      more: directory.more,
      moreStatus: directory.moreStatus,
      opened: computed(() => opened.value?.key ?? null),
      thread: computed(() => opened.value?.value.value ?? null),
      conversation: computed(() => (opened.value ? directory.about(opened.value.key) : null)), // the row of the opened one
      typing: typing.who,
      unreadTotal: directory.unreadTotal,
    },
    open,
    close,
    /** Whether there is a conversation with this person. */
    knows: (peer) => directory.row(keyOf(peer)) !== undefined,
    /** Writes to whoever a conversation is with. The promise is kept when it would survive a reload. */
    send: (peer, content, options) => client.send(peer, content, options),
    retry: (clientId) => client.retry(clientId),
    discard: (clientId) => client.discard(clientId),
    edit: (id, content) => client.edit(id, content),
    remove: (id) => client.delete(id).catch(unlessGone),
    typed: (peer) => client.typing(peer),
    /** This message of the open conversation stands where it can be read. */
    shown(id) {
      shownTo = Math.max(shownTo, id);
      if (watching()) opened.peek()?.seen(shownTo);
    },
    /** A person is looking again. */
    looked: () => shownTo > 0 && opened.peek()?.seen(shownTo),
    loadList: directory.load,
    loadMore: directory.loadMore,
    loadOlder: () => opened.peek()?.loadOlder(),
    findUnread: () => opened.peek()?.findUnread(),
    /** A message of the open conversation by its id; older pages are loaded until it is there. Null when it is not. */
    find: (id) => opened.peek()?.find(id) ?? null,
    retryThread: () => opened.peek()?.load(),
    setDraft,
    draftOf: (key) => drafts.peek().get(key)?.text ?? "",
    block: putting("block"),
    mute: putting("mute"),
    deleteConversation,
    setTimer: (peer, seconds) => client.setTimer(peer, seconds),
    /** Emoji that were used last, the last one first. */
    emojiUsed: () => emoji,
    usedEmoji(one) {
      emoji = withRecent(emoji, one);
      kept.keepEmoji(() => emoji);
    },
    announce,
    /** Says what has become of something that was asked for. */
    announceProblem: (problem) => problem.kind !== "aborted" && (trouble.value = problem),
    /** One message of the open conversation by its id: a signal of {status: loading ready gone failed, message}. */
    quote: (id, items) => quotes.of(id, shownKey(), items),
    /** The server's time, as soon as it is known; whoever draws by it is drawn anew with the next day. */
    serverNow: () => (void today.value, client.serverNow() ?? Date.now()),
    /** Somebody looks again, or asks for it. */
    hurry() {
      client.hurry();
      if (client.state.connection === "live") directory.loadNames();
    },
    dismiss() {
      fault.value = notice.value = trouble.value = null;
    },
    get unsent() {
      return client.unsent;
    },
    start() {
      // Where the browser keeps nothing, that is said before it is missed.
      if (!keeps) fault.value = "storage";
      tabs?.addEventListener("message", hearTab);
      listen();
      void restore();
      hearState(client.state);
    },
    /** The page may be going: what would be kept later is kept now. */
    keepNow: kept.flush,
    stop() {
      stopped = true;
      for (const care of cares) care();
      tabs?.removeEventListener("message", hearTab);
      kept.stop();
      typing.stop();
      quotes.stop();
      opened.peek()?.close();
      directory.stop();
    },
  };
};
