/* The catalogues: whole, alike, and all that the sources ask for is there. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { CATALOGUES, choose, createTexts, localeFor } from "../src/text.js";

const SRC = new URL("../src/", import.meta.url);
const keys = (catalogue) => Object.keys(catalogue).sort();
const marks = (text) => (text.match(/\{\w+\}/g) ?? []).sort();

test("every catalogue has every text, with the same values to fill in", () => {
  const english = CATALOGUES.get("en");
  for (const [tag, catalogue] of CATALOGUES) {
    assert.deepEqual(keys(catalogue), keys(english), tag);
    for (const key of keys(english)) {
      assert.ok(catalogue[key].trim(), `${tag} ${key} is empty`);
      assert.deepEqual(marks(catalogue[key]), marks(english[key]), `${tag} ${key}`);
    }
  }
});

test("every text that the sources name is in the catalogue", () => {
  const english = CATALOGUES.get("en");
  const sources = readdirSync(SRC, { recursive: true }).filter((path) => path.endsWith(".js") && !path.startsWith("texts"));
  const named = sources.flatMap((path) =>
    [...readFileSync(new URL(path, SRC), "utf8").matchAll(/\bt(?:\.count)?\(\s*"([\w.]+)"|texts\.(?:value|peek\(\))\(\s*"([\w.]+)"/g)].map((found) => found[1] ?? found[2]),
  );
  assert.ok(named.length > 40);
  for (const key of named) assert.ok(Object.hasOwn(english, key) || Object.hasOwn(english, `${key}.other`), key);
});

test("the language is the first wanted that we have, else English", () => {
  assert.equal(choose(["pt-BR"]), "pt-BR");
  assert.equal(choose(["pt-PT", "en"]), "pt-BR");
  assert.equal(choose(["de", "en-GB"]), "en");
  assert.equal(choose(["de", "fr"]), "en");
  assert.equal(choose([]), "en");
  assert.equal(localeFor("en", ["de-DE", "en-GB"]), "en-GB");
  assert.equal(localeFor("en", ["de-DE"]), "en");
});

test("values are put in as they are, and only those that were given", () => {
  const t = createTexts("en");
  assert.equal(t("message.says", { name: "{text}", text: "$& <b>" }), "{text}: $& <b>");
  assert.equal(t("composer.label", {}), "Message to {name}");
  assert.equal(t("no.such.text"), "no.such.text");
  assert.equal(t.has("__proto__"), false);
  assert.equal(t.count("list.unread", 1), "1 unread message");
  assert.equal(createTexts("pt-BR").count("list.unread", 2), "2 mensagens não lidas");
});
