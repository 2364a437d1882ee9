/* Which day it is for whoever looks, and in which zone: what is shown of times follows it, over midnight and on a journey. */
import { signal } from "@preact/signals";
import { forgetFormats } from "./when.js";

const LOOK_MS = 30_000;
const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Changes with the day and with the zone; reading it has what is drawn drawn anew then. */
export const today = signal("");

/** `now()` is the server's time where it is known. */
export const followToday = ({ now, target = globalThis }) => {
  let here = zone();
  const look = () => {
    const there = zone();
    if (there !== here) forgetFormats();
    here = there;
    today.value = `${new Date(now()).toDateString()} ${there}`;
  };
  look();
  target.setInterval(look, LOOK_MS);
  target.document?.addEventListener("visibilitychange", look);
  target.addEventListener?.("focus", look);
};
