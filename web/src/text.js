/* Every word the page shows comes from here: catalogues by language, one lookup. */
import { signal } from "@preact/signals";
import { en } from "./texts/en.js";
import { ptBR } from "./texts/pt-BR.js";
import { settingsEn } from "./texts/settings.en.js";
import { settingsPtBR } from "./texts/settings.pt-BR.js";

export const CATALOGUES = new Map([
  ["en", { ...en, ...settingsEn }],
  ["pt-BR", { ...ptBR, ...settingsPtBR }],
]);

/** The best catalogue for the languages wanted, in their order: the same tag, else the same language, else English. */
export const choose = (wanted) => {
  const tags = [...CATALOGUES.keys()];
  for (const tag of wanted) {
    const lower = tag.toLowerCase();
    const found =
      tags.find((one) => one.toLowerCase() === lower) ??
      tags.find((one) => one.toLowerCase().split("-")[0] === lower.split("-")[0]);
    if (found) return found;
  }
  return "en";
};

/** The region's way to write times and numbers, when it is of the same language ("en-GB" for "en"). */
export const localeFor = (tag, wanted) =>
  wanted.find((one) => one.toLowerCase().split("-")[0] === tag.toLowerCase().split("-")[0]) ?? tag;

export const createTexts = (tag, locale = tag) => {
  const catalogue = CATALOGUES.get(tag);
  const rules = new Intl.PluralRules(tag);
  const t = (key, values = {}) =>
    (Object.hasOwn(catalogue, key) ? catalogue[key] : key).replace(/\{(\w+)\}/g, (whole, name) =>
      Object.hasOwn(values, name) ? String(values[name]) : whole,
    );
  t.has = (key) => Object.hasOwn(catalogue, key);
  /** `key.one` or `key.other` (or what else the language has) for a number, with {n}. */
  t.count = (key, n, values = {}) => {
    const exact = `${key}.${rules.select(n)}`;
    return t(t.has(exact) ? exact : `${key}.other`, { n, ...values });
  };
  t.tag = tag;
  t.locale = locale;
  return t;
};

/** The texts in use. A signal, so that a later switch of language redraws the page. */
export const texts = signal(createTexts("en"));

export const speak = (wanted) => {
  const tag = choose(wanted);
  texts.value = createTexts(tag, localeFor(tag, wanted));
};
