/* The server's time, told from the dates of its answers (RFC 9110, section 6.6.1): whole seconds, rounded down.
   Each says how far the server's clock is ahead of this device's at least, and at most; the highest of the least is the nearest. */
const SECOND_MS = 1000;

/** `now` is milliseconds that only go forward, of any beginning; what comes out is milliseconds since 1970. */
export const createServerClock = (now) => {
  let ahead = null;

  return {
    /** An answer has just come with this date, to what was asked at `asked` by `now`. */
    hear(date, asked) {
      const least = date - now();
      const wasSet = ahead !== null && ahead > date + SECOND_MS - asked;
      ahead = ahead === null || wasSet ? least : Math.max(ahead, least);
    },
    /** Never ahead of the server's clock, and never going back unless that was set back; null before the first answer. */
    now: () => (ahead === null ? null : now() + ahead),
    forget: () => (ahead = null),
  };
};
