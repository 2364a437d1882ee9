/* Which language the page speaks, kept where its service worker finds it: that has no other way to know what was chosen. */
const NAME = "recado.spoken";
const ROW = "/spoken";

/** What cannot be kept is not: notices then speak the browser's language. Never throws. */
export const keepSpoken = async (tag, caches = globalThis.caches) => {
  try {
    await (await caches.open(NAME)).put(ROW, new Response(tag));
  } catch {
    // no secure context, or a browser that keeps nothing
  }
};

/** The tag that was kept last, or null. Never throws. */
export const readSpoken = async (caches = globalThis.caches) => {
  try {
    return (await (await caches.match(ROW, { cacheName: NAME }))?.text()) ?? null;
  } catch {
    return null;
  }
};
