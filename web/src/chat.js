/* What one signed-in person does: conversations, threads, sending, receiving. Owns the socket and the outbox of the session.
   After `stop` nothing that was under way changes anything any more. */
import {
  discarded, isMine, listed, marked, messageOf, messagesOf, peerOf, pruned, received, sent, withNewest, withOlder, written,
} from "./messages.js";
import { keyOf } from "./names.js";
import { createOutbox } from "./outbox.js";
import { Problem } from "./problems.js";
import { createSocket } from "./socket.js";
import { createChatState } from "./state.js";
import { texts } from "./text.js";

const FIRST_LOAD_MS = 1_500;
const ECHO_MS = 6_000;
const PRUNE_MS = 15_000;

/** `connect(ticket)` opens a WebSocket, `watching()` tells whether a person may be looking. */
export const createChat = ({ api, me, connect, watching, uuid, clock = globalThis, now = Date.now }) => {
  const state = createChatState(me);
  const echoes = new Set(); // ids seen on the live connection since it was opened
  const timers = new Set();
  let stopped = false;
  let reloading = null;

  const later = (work, wait) => {
    const timer = clock.setTimeout(() => {
      timers.delete(timer);
      work();
    }, wait);
    timers.add(timer);
  };

  const announce = (text) => {
    state.announcement.value = { turn: state.announcement.peek().turn + 1, text };
  };

  const change = (thread, how, ...more) => {
    thread.value = how(thread.peek(), ...more);
  };

  const patch = (thread, fields) => {
    thread.value = { ...thread.peek(), ...fields };
  };

  const isShown = (key) => state.opened.peek() === key && watching();

  const countUnread = (key, count) => {
    const next = new Map(state.unread.peek());
    if (count > 0) next.set(key, count);
    else next.delete(key);
    state.unread.value = next;
  };

  const list = (message) => {
    const peer = peerOf(message, me);
    const key = keyOf(peer);
    const thread = state.threads.get(key);
    state.conversations.value = listed(state.conversations.peek(), key, peer, message);
    if (thread && thread.peek().peer !== peer) patch(thread, { peer }); // the server's spelling, not what was typed
  };

  // --- receiving

  const isNew = (key, message) => {
    const thread = state.threads.get(key)?.peek();
    if (thread?.items.some((item) => item.id === message.id)) return false;
    return (state.conversations.peek().get(key)?.last.id ?? 0) < message.id;
  };

  const receive = (frame) => {
    const message = messageOf(frame);
    if (!message) return;
    echoes.add(message.id);
    const peer = peerOf(message, me);
    const key = keyOf(peer);
    const news = isNew(key, message) && !isMine(message, me);
    if (state.threads.has(key)) change(state.threads.get(key), received, message, me);
    list(message);
    if (!news) return;
    if (!isShown(key)) countUnread(key, (state.unread.peek().get(key) ?? 0) + 1);
    announce(texts.peek()("message.says", { name: peer, text: message.content ?? texts.peek()("list.unreadable") }));
  };

  // --- loading

  const takeConversations = (said) => {
    const known = state.conversations.peek();
    for (const one of Array.isArray(said) ? said : []) {
      const last = messageOf(one?.last_message);
      if (!last || typeof one.peer !== "string") continue;
      const key = keyOf(one.peer);
      const missed = known.size > 0 && (known.get(key)?.last.id ?? 0) < last.id && !isMine(last, me);
      if (missed && !isShown(key)) countUnread(key, Math.max(1, state.unread.peek().get(key) ?? 0));
      list(last);
    }
  };

  const loadList = async () => {
    if (state.listStatus.peek() === "failed") state.listStatus.value = "loading";
    try {
      const { said, next } = await api.conversations();
      if (stopped) return;
      const first = state.listStatus.peek() !== "ready";
      takeConversations(said);
      if (first) state.more.value = next;
      state.listStatus.value = "ready";
    } catch (problem) {
      if (!stopped && problem.kind !== "aborted" && state.listStatus.peek() !== "ready") state.listStatus.value = "failed";
    }
  };

  const loadMore = async () => {
    if (!state.more.peek() || state.moreStatus.peek() === "loading") return;
    state.moreStatus.value = "loading";
    try {
      const { said, next } = await api.conversations(state.more.peek());
      if (stopped) return;
      for (const last of messagesOf(Array.isArray(said) ? said.map((one) => one?.last_message) : [])) list(last);
      state.more.value = next;
      state.moreStatus.value = "ready";
    } catch {
      if (!stopped) state.moreStatus.value = "failed";
    }
  };

  const loadThread = async (thread) => {
    if (thread.peek().status !== "ready") patch(thread, { status: "loading", problem: null });
    try {
      const { said, next } = await api.messages(thread.peek().peer);
      if (stopped) return;
      change(thread, withNewest, messagesOf(said), next, me);
      thread.peek().items.slice(-1).forEach(list);
    } catch (problem) {
      if (stopped || problem.kind === "aborted") return;
      patch(thread, thread.peek().status === "ready" ? { stale: true } : { status: "failed", problem });
    }
  };

  const loadOlder = async () => {
    const thread = state.threads.get(state.opened.peek());
    const { older, olderStatus, peer } = thread?.peek() ?? {};
    if (!older || olderStatus === "loading") return;
    patch(thread, { olderStatus: "loading" });
    try {
      const { said, next } = await api.messages(peer, older);
      if (stopped) return;
      // a reload in between may have let go of what this page would join
      if (thread.peek().older === older) change(thread, withOlder, messagesOf(said), next);
      else patch(thread, { olderStatus: "ready" });
    } catch {
      if (!stopped) patch(thread, { olderStatus: "failed" });
    }
  };

  /** What may have been missed while not connected: the list and the open thread now, the others when they are opened. */
  const reload = async () => {
    reloading ??= (async () => {
      for (const thread of state.threads.values()) patch(thread, { stale: true });
      const shown = state.threads.get(state.opened.peek());
      await Promise.all([loadList(), shown && loadThread(shown)]);
      reloading = null;
    })();
    await reloading;
  };

  // --- the live connection

  const socket = createSocket({
    ticket: api.ticket,
    connect,
    renew: api.renew,
    clock,
    onFrame: receive,
    onState(connection) {
      state.connection.value = connection;
      if (connection === "offline") state.troubled.value = true;
    },
    onBarred: () => void reload(),
    onLive() {
      state.troubled.value = false;
      echoes.clear();
      outbox.hurry();
      void reload();
    },
  });

  /** Each send comes back on the live connection. When it does not, the connection is dead and does not know it. */
  const expectEcho = (id) => {
    later(() => {
      if (!echoes.has(id) && state.connection.peek() === "live") socket.lost();
    }, ECHO_MS);
  };

  // --- sending

  const outbox = createOutbox({
    clock,
    async post({ peer, content, clientId }) {
      const message = messageOf((await api.send(peer, content, clientId)).said);
      if (!message) throw new Problem("problem", { status: 200, code: "bad_answer" });
      return message;
    },
    onSent({ key, clientId }, message) {
      const thread = state.threads.get(key);
      const peer = peerOf(message, me);
      if (state.connection.peek() === "live") expectEcho(message.id);
      else socket.hurry(); // the server can be reached again
      list(message);
      if (keyOf(peer) === key) return change(thread, sent, clientId, message);
      change(thread, discarded, clientId); // the server knows this person by another spelling
      if (state.opened.peek() === key) open(peer);
    },
    onFailed({ key, clientId }, problem) {
      if (problem.kind === "aborted") return;
      const thread = state.threads.get(key);
      change(thread, marked, clientId, { state: "failed", problem });
      announce(texts.peek()("message.announce_failed", { name: thread.peek().peer }));
    },
  });

  const draftOf = (thread, pending) => ({
    key: thread.peek().key,
    peer: thread.peek().peer,
    content: pending.content,
    clientId: pending.clientId,
  });

  const send = (key, content) => {
    const thread = state.threads.get(key);
    const pending = { clientId: uuid(), sender: me, content, at: now(), state: "sending", problem: null };
    change(thread, written, pending);
    outbox.add(draftOf(thread, pending));
  };

  const retry = (key, clientId) => {
    const thread = state.threads.get(key);
    const pending = thread.peek().pending.find((one) => one.clientId === clientId && one.state === "failed");
    if (!pending) return;
    change(thread, marked, clientId, { state: "sending", problem: null });
    outbox.add(draftOf(thread, pending));
  };

  const discard = (key, clientId) => change(state.threads.get(key), discarded, clientId);

  // --- what is shown

  const open = (peer) => {
    const thread = state.threadWith(peer);
    const { key, status, stale } = thread.peek();
    state.opened.value = key;
    countUnread(key, 0);
    if (status === "new" || status === "failed" || stale) void loadThread(thread);
  };

  const prune = () => {
    for (const thread of state.threads.values()) thread.value = pruned(thread.peek(), now());
    later(prune, PRUNE_MS);
  };

  return {
    state,
    open,
    send,
    retry,
    discard,
    loadList,
    loadMore,
    loadOlder,
    reload,
    start() {
      socket.start();
      later(() => state.listStatus.peek() === "loading" && void reload(), FIRST_LOAD_MS);
      later(prune, PRUNE_MS);
    },
    stop() {
      stopped = true;
      socket.stop();
      outbox.stop();
      for (const timer of timers) clock.clearTimeout(timer);
    },
    close() {
      state.opened.value = null;
    },
    /** A person is looking again. */
    looked() {
      if (state.opened.peek()) countUnread(state.opened.peek(), 0);
    },
    hurry: () => socket.hurry(),
    lost: () => socket.lost(),
    retryThread() {
      const thread = state.threads.get(state.opened.peek());
      if (thread) void loadThread(thread);
    },
    /** True while something would be lost by leaving. */
    get unsent() {
      return [...state.threads.values()].some((thread) => thread.peek().pending.length > 0);
    },
  };
};
