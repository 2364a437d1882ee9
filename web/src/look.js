/* How the page looks, sounds and speaks on this device: what can be chosen, how it is kept, how it is put on the page.
   Nothing of a person is in it, so it outlives the sign-out. Small: it is also all that runs before the page is first drawn. */
export const KEPT_AS = "recado.look";
export const THEMES = Object.freeze(["system", "light", "dark"]);
export const SIZES = Object.freeze(["small", "normal", "large", "larger"]);
export const DEFAULTS = Object.freeze({ theme: "system", size: "normal", sound: false, language: "" });

const TAG = /^[a-z]{2,3}(-[a-z\d]{2,8})*$/i;
const FITS = {
  theme: (value) => THEMES.includes(value),
  size: (value) => SIZES.includes(value),
  sound: (value) => typeof value === "boolean",
  language: (value) => typeof value === "string" && TAG.test(value),
};

/* The browser's store, or nothing: it may be forbidden to ask for it. */
export const storeOf = (window) => {
  try {
    return window.localStorage ?? null;
  } catch {
    return null;
  }
};

/** What is kept; what is missing or makes no sense is as if it was never chosen. */
export const readLook = (store) => {
  let kept = {};
  try {
    kept = JSON.parse(store?.getItem(KEPT_AS) ?? "{}") ?? {};
  } catch {
    /* as if nothing was kept */
  }
  const chosen = Object.keys(DEFAULTS).filter((part) => Object.hasOwn(kept, part) && FITS[part](kept[part]));
  return { ...DEFAULTS, ...Object.fromEntries(chosen.map((part) => [part, kept[part]])) };
};

/** Only what differs from what nobody has chosen; when all is as at first, nothing. */
export const keepLook = (store, look) => {
  const chosen = Object.entries(look).filter(([part, value]) => value !== DEFAULTS[part]);
  try {
    if (chosen.length) store?.setItem(KEPT_AS, JSON.stringify(Object.fromEntries(chosen)));
    else store?.removeItem(KEPT_AS);
  } catch {
    /* a store that is full or forbidden: it lasts as long as the page */
  }
};

/* The colour around the page is one of two, each for its theme: `data-for` says which. */
const MEDIA = { light: "(prefers-color-scheme: light)", dark: "(prefers-color-scheme: dark)" };
const mediaOf = (own, theme) => (theme === "system" ? MEDIA[own] : theme === own ? "all" : "not all");

export const showLook = (document, { theme, size }) => {
  const { dataset } = document.documentElement;
  if (theme === DEFAULTS.theme) delete dataset.theme;
  else dataset.theme = theme;
  if (size === DEFAULTS.size) delete dataset.size;
  else dataset.size = size;
  for (const meta of document.querySelectorAll("meta[name=theme-color][data-for]")) meta.media = mediaOf(meta.dataset.for, theme);
};
