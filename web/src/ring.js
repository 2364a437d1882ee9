/* When a new message is heard: once in a browser, however many tabs there are, and not when one of them shows it to somebody looking.
   The tab with the connection rings, a moment after: until then another may say that it is seen. */
export const HUSH_MS = 150;

/** `tabs` is a BroadcastChannel or null; `isLeading()`: this is the tab with the connection. */
export const createRing = ({ tabs, sound, isLeading, clock = globalThis }) => {
  const waiting = new Map(); // id of the message -> timer

  const hush = (id) => {
    clock.clearTimeout(waiting.get(id));
    waiting.delete(id);
  };

  tabs?.addEventListener("message", ({ data }) => data?.kind === "shown" && hush(data.id));

  return {
    /** A new message of somebody else; whether its conversation is `muted`, and `shown` here to somebody who looks. */
    hear({ id }, { muted, shown }) {
      if (shown) return tabs?.postMessage({ kind: "shown", id });
      if (muted || !isLeading() || waiting.has(id)) return;
      const ring = () => {
        waiting.delete(id);
        void sound.play();
      };
      waiting.set(id, clock.setTimeout(ring, HUSH_MS));
    },
  };
};
