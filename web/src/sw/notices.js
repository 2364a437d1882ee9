/* Pushes, as notices. There is one notice at most; it says how many messages are new, and never what or from whom.

   Every push shows it. That nothing is shown while a window is being looked at is what browsers promise their people
   not to allow: Safari ends a subscription after three such pushes, and a page that an iPhone has put to sleep goes on
   calling itself focused. So a window that is looked at makes the notice silent, and takes it away itself (`pushed`, `read`). */
import { setBadge } from "../badge.js";

const TAG = "recado";
const MOST = 999;

/* How many messages are new, or null: the push says nothing, or nothing that is understood. */
const countOf = (data) => {
  try {
    const { new: count } = data.json();
    return Number.isSafeInteger(count) && count > 0 ? count : null;
  } catch {
    return null;
  }
};

/** `texts(count)`: a promise of {lang, title, body}; `page`: the address of the page, beside which a window may be at another one of ours. */
export const createNotices = ({ registration, clients, navigator, page, icon, badge, texts }) => {
  const windows = async () => {
    const all = await clients.matchAll({ type: "window", includeUncontrolled: true });
    return all.filter(({ url }) => url.split(/[?#]/)[0] === page);
  };
  const tell = async (message) => (await windows()).forEach((one) => one.postMessage(message));

  const pushed = async (data) => {
    const count = countOf(data);
    const { lang, title, body } = await texts(count === null ? null : count > MOST ? `${MOST}+` : count);
    const open = await windows();
    const looked = open.some(({ focused, visibilityState }) => focused && visibilityState === "visible");
    const options = { tag: TAG, body, lang, icon, badge, silent: looked, renotify: !looked };
    // It fails where the permission has just been taken back.
    await registration.showNotification(title, options).catch(() => {});
    for (const one of open) one.postMessage({ kind: "pushed" });
    await setBadge(navigator, count);
  };

  const clicked = async (notice) => {
    notice.close();
    const open = await windows();
    const best = open.find(({ visibilityState }) => visibilityState === "visible") ?? open[0];
    const focused = await best?.focus().catch(() => null);
    if (!focused) await clients.openWindow(page);
  };

  /** The person has seen what there is. The page itself knows what remains, and marks it. */
  const read = async () => {
    for (const one of await registration.getNotifications({ tag: TAG })) one.close();
  };

  /** The browser has given up the subscription. Only the page has the right to make another: one that is open, or the next. */
  const lost = () => tell({ kind: "resubscribe" });

  return { pushed, clicked, read, lost };
};
