/* What makes an application of the page: its service worker, newer versions, pushes, and the offer to install it. One for the page;
   it follows who is signed in. */
import { effect, signal } from "@preact/signals";
import { setBadge } from "./badge.js";
import { createInstall } from "./install.js";
import { createPush } from "./push.js";
import { registerWorker, tellWorker } from "./worker-client.js";

const NOTE = "page/push";
/* Whoever was here is gone, or going. */
const GONE = new Set(["sign", "leaving"]);
const UNKNOWN = new Set(["checking", "failed"]);

/* What this session knows of its subscription, sealed with all else of it. */
const noteIn = (store) => ({
  get: () => store.get(NOTE).catch(() => null),
  set: (value) => store.write([[NOTE, value ?? undefined]]).catch(() => {}),
});

/** `update`: null, or what takes the newer version that there is, and reloads the page. */
export const createApplication = ({
  session,
  store,
  watching,
  target = globalThis,
  install = createInstall(),
  push = createPush({ client: session.client, note: noteIn(store) }),
  register = registerWorker,
  tell = tellWorker,
  mark = (count) => void setBadge(navigator, count),
}) => {
  const { phase, chat } = session.page;
  const update = signal(null);
  let marked = 0;
  /* `anew`: also when it is the same, because a push may have marked another since. */
  const show = (unread, { anew }) => {
    if (unread !== marked || anew) mark(unread);
    marked = unread;
  };
  const seen = (unread) => {
    tell({ kind: "read" });
    show(unread, { anew: true });
  };

  const join = () =>
    void register({
      onUpdate: (apply) => (update.value = apply),
      onResubscribe: () => phase.peek() === "chat" && void push.check(),
    });
  join();
  // Signing out has taken the worker away, with all else that the browser kept.
  effect(() => phase.value === "chat" && join());

  effect(() => {
    if (!GONE.has(phase.value)) return;
    void push.forget();
    seen(0);
  });
  effect(() => {
    const live = chat.value?.state.connection.value.connection === "live";
    if (live && UNKNOWN.has(push.state.peek())) void push.check();
  });

  /* Whoever looks at the page has seen that there is something new. */
  const looked = () => {
    const state = chat.peek()?.state;
    if (state && watching()) seen(state.unreadTotal.peek());
  };
  effect(() => {
    const unread = chat.value?.state.unreadTotal.value;
    if (watching()) looked();
    else if (unread !== undefined) show(unread, { anew: false });
  });
  target.addEventListener("focus", looked);
  target.document?.addEventListener("visibilitychange", looked);

  return { update, push, install };
};
