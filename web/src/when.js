/* Times for people: in the reader's zone and language, from milliseconds since the epoch. Pure but for the formatters kept. */
const formats = new Map();

const format = (language, name, options) => {
  const key = `${language} ${name}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(language, options));
  return formats.get(key);
};

/** Each holds the zone that it was made in. */
export const forgetFormats = () => formats.clear();

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

/** The heading of a day, in the middle of a sentence. */
export const dayWord = (language, at, now) => {
  const days = daysAgo(at, now);
  if (days === 0 || days === 1) return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-days, "day");
  return format(language, `date ${yearStyle(at, now)}`, { day: "numeric", month: "short", year: yearStyle(at, now) }).format(at);
};

/** A day as the server writes it ("2026-11-22"), as a word; empty when it is none. */
export const lastSeenText = (language, day, now) => {
  const [year, month, date] = day.split("-").map(Number);
  const at = new Date(year, month - 1, date).getTime();
  return Number.isNaN(at) ? "" : dayWord(language, at, now);
};

export const fullTime = (language, at) => format(language, "full", { dateStyle: "full", timeStyle: "short" }).format(at);

/** Day and time, for lists of what happened. */
export const dateTime = (language, at) => format(language, "stamp", { dateStyle: "medium", timeStyle: "short" }).format(at);

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

/* What is rounded up to a whole larger unit is that one: an hour of which some seconds are gone is not 60 minutes. */
const reaches = (seconds, [, size], smaller = size) => Math.ceil(seconds / smaller) * smaller >= size;

/** A length of time in its largest whole unit, rounded up: "2 days", "5 min". `width`: long, short, narrow. */
export const durationText = (language, seconds, width) => {
  const [unit, size] = UNITS.find((one, at) => reaches(seconds, one, UNITS[at + 1]?.[1])) ?? UNITS.at(-1);
  const key = `${language} ${unit} ${width}`;
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: width }));
  return formats.get(key).format(Math.ceil(seconds / size));
};
