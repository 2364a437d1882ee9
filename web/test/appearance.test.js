/* What is chosen is kept, shown and shared; what is broken is as if nothing had been chosen. And the colours can be read. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createAppearance } from "../src/appearance.js";
import { DEFAULTS, KEPT_AS, readLook } from "../src/look.js";

const source = (path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

/* So much of a window as a look needs. */
const pane = (kept = {}) => {
  const rows = new Map(Object.entries(kept));
  const metas = ["light", "dark"].map((own) => ({ dataset: { for: own }, media: "" }));
  let heard = null;
  return {
    rows,
    metas,
    localStorage: { getItem: (key) => rows.get(key) ?? null, setItem: (key, value) => rows.set(key, value), removeItem: (key) => rows.delete(key) },
    document: { documentElement: { dataset: {} }, querySelectorAll: () => metas },
    addEventListener: (_, listener) => (heard = listener),
    tell: (key) => heard({ key }),
  };
};
const shown = ({ document, metas }) => [document.documentElement.dataset, metas.map(({ media }) => media)];

test("a choice is shown at once and kept; the first state leaves nothing behind", () => {
  const window = pane();
  const { theme, size, choose } = createAppearance(window);
  assert.deepEqual(shown(window), [{}, ["(prefers-color-scheme: light)", "(prefers-color-scheme: dark)"]]);
  choose("theme", "dark");
  choose("size", "larger");
  assert.deepEqual([theme.value, size.value], ["dark", "larger"]);
  assert.deepEqual(shown(window), [{ theme: "dark", size: "larger" }, ["not all", "all"]]);
  assert.deepEqual(createAppearance(pane(Object.fromEntries(window.rows))).theme.value, "dark");
  choose("theme", "system");
  choose("size", "normal");
  assert.deepEqual(shown(window), [{}, ["(prefers-color-scheme: light)", "(prefers-color-scheme: dark)"]]);
  assert.equal(window.rows.size, 0);
});

test("another tab's choice is taken over", () => {
  const window = pane();
  const { theme, sound } = createAppearance(window);
  window.rows.set(KEPT_AS, '{"theme":"light","sound":true}');
  window.tell("another");
  assert.equal(theme.value, "system");
  window.tell(KEPT_AS);
  assert.deepEqual([theme.value, sound.value], ["light", true]);
  assert.deepEqual(shown(window)[0], { theme: "light" });
});

test("what the browser forgets with a sign-out, also one in another tab, is kept again", () => {
  const window = pane();
  const { theme, choose } = createAppearance(window);
  choose("theme", "dark");
  window.rows.clear();
  window.tell(null);
  assert.deepEqual([theme.value, shown(window)[0], window.rows.get(KEPT_AS)], ["dark", { theme: "dark" }, '{"theme":"dark"}']);
});

test("what makes no sense is as if it was never chosen", () => {
  for (const kept of ["", "{", "null", "7", "[]", '{"theme":"pink","size":3,"sound":"yes","language":7}', '{"language":"<b>"}', '{"__proto__":{"theme":"dark"}}', '{"theme":["dark"]}']) {
    assert.deepEqual(readLook(pane({ [KEPT_AS]: kept }).localStorage), { ...DEFAULTS }, kept);
  }
  assert.deepEqual(readLook(pane({ [KEPT_AS]: '{"theme":"pink","size":"large"}' }).localStorage), { ...DEFAULTS, size: "large" });
});

test("a store that is forbidden or full is no trouble: the choice lasts as long as the page", () => {
  const refuse = () => {
    throw new Error("no");
  };
  const forbidden = Object.defineProperty(pane(), "localStorage", { get: refuse });
  const full = { ...pane(), localStorage: { getItem: () => null, setItem: refuse, removeItem: refuse } };
  for (const window of [forbidden, full, { ...pane(), localStorage: undefined }]) {
    const { theme, choose } = createAppearance(window);
    choose("theme", "dark");
    assert.equal(theme.value, "dark");
    assert.deepEqual(shown(window)[0], { theme: "dark" });
  }
});

const TOKENS = source("src/styles/tokens.css");

/* The tokens that are colours: [in the light theme, in the dark one]. */
const COLOURS = new Map(
  [...TOKENS.matchAll(/--([\w-]+): (?:light-dark\((#\w{6}), (#\w{6})\)|(#\w{6}));/g)].map(([, name, light, dark, both]) => [name, [light ?? both, dark ?? both]]),
);

/* WCAG 2.2, relative luminance and contrast ratio. */
const luminance = (colour) => {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};

const GROUNDS = ["paper", "sheet", "raised"];
const BUBBLES = ["mine", "theirs", "bad-wash", "blue-wash"];
/* What is written on what. */
const TEXT = [
  ["ink", [...GROUNDS, ...BUBBLES]],
  ["ink-soft", [...GROUNDS, ...BUBBLES]],
  ["blue", [...GROUNDS, ...BUBBLES]],
  ["bad", [...GROUNDS, "bad-wash"]],
  ["on-blue", ["blue", "blue-deep"]],
  ["on-bad", ["bad"]],
  ["on-good", ["good"]],
  ["on-warn", ["warn-wash"]],
  ["on-tone", ["tone-0", "tone-1", "tone-2", "tone-3", "tone-4", "tone-5"]],
];
/* Borders of fields, signs and rings around what has the focus. */
const SIGNS = [
  ["line-strong", GROUNDS],
  ["blue", [...GROUNDS, ...BUBBLES]],
  ["good", GROUNDS],
  ["bad", [...GROUNDS, ...BUBBLES]],
];

test("in both themes text has a contrast of 4.5 to its ground, and signs one of 3", () => {
  for (const [at, theme] of ["light", "dark"].entries()) {
    for (const [pairs, least] of [[TEXT, 4.5], [SIGNS, 3]]) {
      for (const [front, grounds] of pairs) {
        for (const ground of grounds) {
          const found = contrast(COLOURS.get(front)[at], COLOURS.get(ground)[at]);
          assert.ok(found >= least, `${theme}: ${front} on ${ground} is ${found.toFixed(2)}`);
        }
      }
    }
  }
  assert.equal(contrast("#000000", "#ffffff"), 21);
});

test("the colour around the page is that of its paper, in either theme", () => {
  const page = source("index.html");
  for (const [at, theme] of ["light", "dark"].entries()) {
    const meta = new RegExp(`<meta name="theme-color" content="(#\\w+)" media="\\(prefers-color-scheme: ${theme}\\)" data-for="${theme}" />`).exec(page);
    assert.equal(meta?.[1], COLOURS.get("paper")[at], theme);
  }
});

test("a colour is named nowhere but in the tokens", () => {
  for (const path of ["base", "controls", "emoji", "forced-colors", "menu", "message", "quote", "rich-text", "settings", "side", "sign", "thread", "toast", "windowed"]) {
    assert.doesNotMatch(source(`src/styles/${path}.css`).replace(/\/\*[^]*?\*\//g, ""), /#[\da-f]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(/i, path);
  }
});
