/* How long to wait before the next try. Pure. */
export const BASE_MS = 500;
export const MOST_MS = 30_000;

/** Full jitter: a random time below a bound that doubles with each failure. */
export const jitter = (failures, random) => Math.round(random() * Math.min(MOST_MS, BASE_MS * 2 ** Math.min(failures, 16)));
