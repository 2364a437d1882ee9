/* The open conversation: what is shown of it, older pages, where the unread begin, and how far it has been seen. */
import { signal } from "@preact/signals";
import { firstUnreadOf } from "./listing.js";

export const PAGE = 50;

/** `value`: {key, peer, items, status: loading ready failed, olderStatus: ready loading failed, more: true false null (not known),
    problem, firstUnread: message id or null, unreadBefore: it is on a page that is not loaded yet}. After `close` nothing that was under way changes it any more. */
export const openThread = ({ client, row, unread, onSeen }) => {
  const { key, peer } = row;
  let closed = false;
  let unreadAtOpen = unread;
  let seenTo = 0;
  let turn = 0; // what was asked before everything was lost has nothing to say
  let loadingOlder = null;
  const known = client.messages(peer);
  const newestAtOpen = Math.max(row.last?.id ?? 0, known.findLast(({ id }) => id !== undefined)?.id ?? 0) || Infinity;
  /** What is known is enough to begin with when what is unread begins in it. */
  const statusOf = ({ items, firstUnread }) => (items.length > 0 && (firstUnread !== null || unreadAtOpen <= 0) ? "ready" : "loading");
  const begun = { items: known, firstUnread: firstUnreadOf(known, unread, newestAtOpen) };
  const value = signal({ key, peer, ...begun, status: statusOf(begun), olderStatus: "ready", more: null, problem: null, unreadBefore: false });

  const set = (change) => {
    if (closed) return;
    const next = { ...value.peek(), ...change };
    value.value = { ...next, unreadBefore: next.firstUnread === null && unreadAtOpen > 0 && next.more === true };
  };

  const refresh = () => {
    const items = client.messages(peer);
    const { firstUnread } = value.peek();
    set({ items, firstUnread: firstUnread ?? firstUnreadOf(items, unreadAtOpen, newestAtOpen) });
  };

  const load = async () => {
    const mine = turn;
    set({ problem: null, status: statusOf(value.peek()) });
    try {
      const more = await client.history(peer, { limit: PAGE });
      if (mine !== turn) return;
      refresh();
      set({ more, status: "ready" });
    } catch (problem) {
      if (problem.kind === "aborted" || mine !== turn) return;
      // What is known is shown all the same; it may be all that can be had without a network.
      if (value.peek().items.length > 0) set({ status: "ready" });
      else set({ status: "failed", problem });
    }
  };

  const loadPage = async () => {
    const mine = turn;
    set({ olderStatus: "loading" });
    try {
      const left = await client.history(peer, { limit: PAGE });
      if (mine !== turn) return;
      refresh();
      set({ more: left, olderStatus: "ready" });
    } catch (problem) {
      if (mine === turn) set({ olderStatus: problem.kind === "aborted" ? "ready" : "failed" });
    }
  };

  /** All who ask meanwhile share the one page. */
  const loadOlder = async () => {
    const { more, items, status } = value.peek();
    if (more === false || (status !== "ready" && items.length === 0)) return;
    const mine = turn;
    loadingOlder ??= loadPage().finally(() => mine === turn && (loadingOlder = null));
    await loadingOlder;
  };

  /** Loads older pages until it is so, or until nothing more can be had. */
  const loadUntil = async (isSo) => {
    while (!closed && !isSo() && value.peek().more !== false) {
      const before = value.peek().items.length;
      await loadOlder();
      if (value.peek().olderStatus === "failed" || value.peek().items.length === before) break;
    }
  };

  return {
    key,
    value,
    refresh,
    load,
    loadOlder,
    /** Loads older pages until the first unread message is there; its id, or null when there is none. */
    async findUnread() {
      await loadUntil(() => value.peek().firstUnread !== null || unreadAtOpen <= 0);
      return value.peek().firstUnread;
    },
    /** This message, when it is still there; older pages are loaded until it is. */
    async find(id) {
      const here = () => value.peek().items.find((item) => item.id === id) ?? null;
      await loadUntil(() => here() !== null || (value.peek().items[0]?.id ?? 0) <= id);
      return here();
    },
    /** Everything was lost and is loaded anew. */
    again() {
      turn += 1;
      loadingOlder = null;
      unreadAtOpen = 0;
      set({ items: client.messages(peer), status: "loading", olderStatus: "ready", more: null, firstUnread: null });
      return load();
    },
    /** News came that nobody was looking at: the line of the unread stands before the first of them. */
    missed(id) {
      const { firstUnread } = value.peek();
      if (firstUnread === null || firstUnread <= seenTo) set({ firstUnread: id });
    },
    /** A person has had this message before their eyes. */
    seen(id) {
      if (closed || id <= seenTo) return;
      seenTo = id;
      onSeen(peer, id);
    },
    get seenTo() {
      return seenTo;
    },
    close() {
      closed = true;
    },
  };
};
