/* What the page shows, as signals. One state for the page, one for each signed-in person; the latter is dropped whole at sign-out. */
import { computed, signal } from "@preact/signals";
import { newThread, newestFirst } from "./messages.js";

/** `phase`: starting, unreachable (see `problem`), sign, enrol, chat (see `chat`), leaving. `notice`: {key, again} above the sign-in form. */
export const createPageState = () => ({
  phase: signal("starting"),
  problem: signal(null),
  notice: signal(null),
  chat: signal(null),
  profile: signal(null), // of whoever is signed in, as the server has it
});

export const createChatState = (me) => {
  const conversations = signal(new Map()); // key -> {key, peer, last}
  const unread = signal(new Map()); // key -> number, since the page was opened
  const threads = new Map(); // key -> signal of a thread
  return {
    me,
    connection: signal("connecting"), // connecting, live, offline
    troubled: signal(false), // a try has failed since the connection was last live
    conversations,
    newestFirst: computed(() => newestFirst(conversations.value)),
    listStatus: signal("loading"), // loading, ready, failed
    more: signal(null), // path of the next page of conversations
    moreStatus: signal("ready"),
    threads,
    opened: signal(null), // key of the thread that is shown
    unread,
    unreadTotal: computed(() => [...unread.value.values()].reduce((sum, count) => sum + count, 0)),
    drafts: new Map(), // key -> text not sent yet
    announcement: signal({ turn: 0, text: "" }),

    /** The thread with this person, made when it is not there. */
    threadWith(peer) {
      const fresh = newThread(peer);
      if (!threads.has(fresh.key)) threads.set(fresh.key, signal(fresh));
      return threads.get(fresh.key);
    },
  };
};
