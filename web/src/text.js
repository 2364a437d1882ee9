/* Every word the page shows comes from here: catalogues by language, one lookup. */
import { signal } from "@preact/signals";
import { bestOf } from "./language.js";
import { en } from "./texts/en.js";
import { kitEn } from "./texts/kit.en.js";
import { kitPtBR } from "./texts/kit.pt-BR.js";
import { noticesEn } from "./texts/notices.en.js";
import { noticesPtBR } from "./texts/notices.pt-BR.js";
import { ptBR } from "./texts/pt-BR.js";
import { settingsEn } from "./texts/settings.en.js";
import { settingsPtBR } from "./texts/settings.pt-BR.js";
import { threadEn } from "./texts/thread.en.js";
import { threadPtBR } from "./texts/thread.pt-BR.js";
import { workerEn } from "./texts/worker.en.js";
import { workerPtBR } from "./texts/worker.pt-BR.js";

export const CATALOGUES = new Map([
  ["en", { ...en, ...settingsEn, ...kitEn, ...noticesEn, ...threadEn, ...workerEn }],
  ["pt-BR", { ...ptBR, ...settingsPtBR, ...kitPtBR, ...noticesPtBR, ...threadPtBR, ...workerPtBR }],
]);

/** The best catalogue for the languages wanted, in their order: the same tag, else the same language, else English. */
export const choose = (wanted) => bestOf([...CATALOGUES.keys()], wanted);

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
