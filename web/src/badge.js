/* The number on the icon of the installed page. Decoration: not every system has it, and none has to. */

/** `count` is a number, or null for "some". Never throws. */
export const setBadge = async (navigator, count) => {
  try {
    await (count === 0 ? navigator.clearAppBadge?.() : navigator.setAppBadge?.(count ?? undefined));
  } catch {
    // not installed, or not allowed
  }
};
