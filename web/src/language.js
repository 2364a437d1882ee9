/* Which language to speak. Pure, for the page and its service worker. */

/** The best of our `tags` for the languages wanted, in their order: the same tag, else the same language, else English. */
export const bestOf = (tags, wanted) => {
  for (const tag of wanted) {
    const lower = tag.toLowerCase();
    const found =
      tags.find((one) => one.toLowerCase() === lower) ??
      tags.find((one) => one.toLowerCase().split("-")[0] === lower.split("-")[0]);
    if (found) return found;
  }
  return "en";
};
