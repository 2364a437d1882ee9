/* Messages on their way out, one after the other, so that they arrive in the order written.
   A lost answer is met by sending again with the same client id: the server stores it once. In memory only. */
import { backoff } from "./socket.js";

export const TRIES = 6;
const LONGEST_OBEDIENCE_MS = 15_000;

/** `post(draft)` gives the stored message or throws a Problem; then `onSent(draft, message)` or `onFailed(draft, problem)`. */
export const createOutbox = ({ post, onSent, onFailed, clock = globalThis, random = Math.random }) => {
  const queue = [];
  let busy = false;
  let stopped = false;
  let wake = () => {};

  const pause = (wait) =>
    new Promise((resolve) => {
      const timer = clock.setTimeout(resolve, wait);
      wake = () => {
        clock.clearTimeout(timer);
        resolve();
      };
    });

  const attempt = async (draft) => {
    try {
      return { message: await post(draft) };
    } catch (problem) {
      return { problem };
    }
  };

  const deliver = async (draft) => {
    for (let tried = 1; ; tried += 1) {
      const { message, problem } = await attempt(draft);
      if (stopped) return;
      if (!problem) return onSent(draft, message);
      const wait = problem.retryAfter ? problem.retryAfter * 1000 : backoff(tried - 1, random);
      if (!problem.transient || tried === TRIES || wait > LONGEST_OBEDIENCE_MS) return onFailed(draft, problem);
      await pause(wait);
    }
  };

  const run = async () => {
    if (busy) return;
    busy = true;
    while (queue.length > 0 && !stopped) await deliver(queue.shift());
    busy = false;
  };

  return {
    add(draft) {
      queue.push(draft);
      void run();
    },
    /** Ends a wait: the connection is back. */
    hurry: () => wake(),
    stop() {
      stopped = true;
      queue.length = 0;
      wake();
    },
  };
};
