/* What ends by itself is shown no longer than that, also when there is no server to say so. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** `ends()` gives moments of the server's clock in milliseconds; `onEnd()` is called at the first of them, or before when that is
    far away. `watch()` when they have changed. */
export const createEndings = ({ client, clock, ends, onEnd }) => {
  let timer = null;

  const watch = () => {
    clock.clearTimeout(timer);
    const now = client.serverNow();
    const first = Math.min(...ends());
    if (now === null || first === Infinity) return;
    const end = () => {
      onEnd();
      watch();
    };
    timer = clock.setTimeout(end, Math.min(Math.max(0, first - now), LONGEST_TIMER_MS));
  };

  return { watch, stop: () => clock.clearTimeout(timer) };
};
