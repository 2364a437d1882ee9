/* The emoji: each once, each one emoji, found by words of both languages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { found, groups, RECENTS_MAX, withRecent } from "../src/emoji.js";
import { isEmojiOnly } from "../src/links.js";

test("eight groups of emoji, each of them one emoji, and there once", () => {
  const all = [...groups().values()].flat().map(({ emoji }) => emoji);
  assert.equal(groups().size, 8);
  assert.ok(all.length > 300 && all.length <= 400, String(all.length));
  assert.deepEqual(all.filter((emoji, at) => all.indexOf(emoji) !== at), []);
  const segments = new Intl.Segmenter("en", { granularity: "grapheme" });
  for (const emoji of all) {
    assert.equal(isEmojiOnly(emoji), true, emoji);
    assert.equal([...segments.segment(emoji)].length, 1, emoji);
  }
});

test("every emoji has words, small and without accents", () => {
  for (const { emoji, words } of [...groups().values()].flat()) {
    assert.ok(words.length > 0, emoji);
    for (const word of words) assert.match(word, /^[a-z]+$/, emoji);
  }
});

test("words of both languages find, whole ones first, accents and case do not matter", () => {
  assert.equal(found("Coração")[0], "❤️");
  assert.equal(found("heart")[0], "❤️");
  assert.ok(found("beij").includes("😘"));
  assert.deepEqual(found("heart blue"), ["💙"]);
  assert.deepEqual(found("  "), []);
  assert.deepEqual(found("qwxyz"), []);
  assert.ok(found("🎉").includes("🎉"));
  const cafe = found("cafe");
  assert.ok(cafe.indexOf("☕") >= 0);
});

test("what was used last comes first, once, and the oldest go", () => {
  assert.deepEqual(withRecent(["a", "b"], "b"), ["b", "a"]);
  const many = Array.from({ length: 40 }, (_, at) => String(at)).reduce(withRecent, []);
  assert.equal(many.length, RECENTS_MAX);
  assert.equal(many[0], "39");
});
