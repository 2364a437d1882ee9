/* What this device has chosen of theme, text size, sound and language, as signals: kept here, shown at once, and the same in every tab. */
import { signal } from "@preact/signals";
import { DEFAULTS, KEPT_AS, keepLook, readLook, showLook, storeOf } from "./look.js";

const PARTS = Object.keys(DEFAULTS);

/** `theme`, `size`, `sound`, `language` are signals: of `THEMES`, of `SIZES`, on or off, a tag or "". `choose(part, value)` changes one. */
export const createAppearance = (window) => {
  const store = storeOf(window);
  const parts = Object.fromEntries(PARTS.map((part) => [part, signal(DEFAULTS[part])]));
  const look = () => Object.fromEntries(PARTS.map((part) => [part, parts[part].peek()]));
  const take = () => {
    const kept = readLook(store);
    for (const part of PARTS) parts[part].value = kept[part];
    showLook(window.document, kept);
  };
  take();
  /** Signing out has the browser forget all that it keeps of this site; how it looks is the device's, and stays. */
  const keep = () => keepLook(store, look());
  window.addEventListener("storage", ({ key }) => {
    if (key === KEPT_AS) take();
    if (key === null) keep(); // all was forgotten, and no look was chosen
  });
  return {
    ...parts,
    choose(part, value) {
      parts[part].value = value;
      keepLook(store, look());
      showLook(window.document, look());
    },
    keep,
  };
};

let ours = null;

/** The one of this page; made when it is first asked for. */
export const appearance = () => (ours ??= createAppearance(globalThis));
