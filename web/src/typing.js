/* Who is typing now. Nobody says that they have stopped: each word of it holds for some seconds. */
import { signal } from "@preact/signals";

export const TYPING_HOLDS_MS = 5_000;

export const createTyping = ({ clock }) => {
  const who = signal(new Set());
  const timers = new Map();

  const over = (key) => {
    clock.clearTimeout(timers.get(key));
    if (!timers.delete(key)) return;
    const next = new Set(who.peek());
    next.delete(key);
    who.value = next;
  };

  return {
    who,
    heard(key) {
      clock.clearTimeout(timers.get(key));
      timers.set(key, clock.setTimeout(() => over(key), TYPING_HOLDS_MS));
      if (!who.peek().has(key)) who.value = new Set(who.peek()).add(key);
    },
    over,
    stop() {
      for (const timer of timers.values()) clock.clearTimeout(timer);
      timers.clear();
    },
  };
};
