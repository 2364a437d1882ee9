/* Times for people: in the reader's zone and language, from milliseconds since the epoch. Pure but for the formatters kept. */
const formats = new Map();

const format = (language, name, options) => {
  const key = `${language} ${name}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(language, options));
  return formats.get(key);
};

const startOfDay = (at) => new Date(at).setHours(0, 0, 0, 0);

/** Whole local days from `at` to `now`; 0 today, 1 yesterday. Rounded, because a day may have 23 or 25 hours. */
export const daysAgo = (at, now) => Math.round((startOfDay(now) - startOfDay(at)) / 86_400_000);

/* The year is written only when it is not this one. */
const yearStyle = (at, now) => (new Date(at).getFullYear() === new Date(now).getFullYear() ? undefined : "numeric");

export const clockTime = (language, at) => format(language, "clock", { hour: "numeric", minute: "2-digit" }).format(at);

/** Short, for the list: the time today, the weekday within a week, else the date. */
export const shortTime = (language, at, now) => {
  const days = daysAgo(at, now);
  if (days <= 0) return clockTime(language, at);
  if (days < 7) return format(language, "weekday", { weekday: "short" }).format(at);
  return format(language, `date ${yearStyle(at, now)}`, { day: "numeric", month: "short", year: yearStyle(at, now) }).format(at);
};

/** The heading of a day. */
export const dayName = (language, at, now) => {
  const days = daysAgo(at, now);
  if (days === 0 || days === 1) {
    const word = new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-days, "day");
    return word.charAt(0).toLocaleUpperCase(language) + word.slice(1);
  }
  const year = yearStyle(at, now);
  return format(language, `day ${year}`, { weekday: "long", day: "numeric", month: "long", year }).format(at);
};

export const fullTime = (language, at) => format(language, "full", { dateStyle: "full", timeStyle: "short" }).format(at);

/** Day and time, for lists of what happened. */
export const dateTime = (language, at) => format(language, "stamp", { dateStyle: "medium", timeStyle: "short" }).format(at);

const RUN_MS = 5 * 60_000;

/** Marks where a day begins and where a run of one person's messages begins. */
export const laidOut = (items) =>
  items.map((item, index) => {
    const before = items[index - 1];
    const newDay = !before || startOfDay(before.at) !== startOfDay(item.at);
    const newRun = newDay || before.sender !== item.sender || item.at - before.at > RUN_MS;
    return { item, newDay, newRun };
  });
