/* Names, passwords and times. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { initialOf, keyOf, lengthOf, nameFault, passwordFault, TONES, toneOf } from "../src/names.js";
import { dayName, daysAgo, durationText, shortTime } from "../src/when.js";

test("lengths are counted as the server counts them", () => {
  assert.equal(lengthOf("a😀b"), 3);
  assert.equal(passwordFault("😀".repeat(8)), null);
  assert.equal(passwordFault("1234567"), "too_short");
  assert.equal(passwordFault("x".repeat(129)), "too_long");
});

test("the shape of names", () => {
  for (const good of ["bob", "zé_ninguém", "a.b-c", "Борис", "constructor"]) assert.equal(nameFault(good), null, good);
  assert.equal(nameFault(""), "required");
  assert.equal(nameFault("ab"), "too_short");
  assert.equal(nameFault("x".repeat(33)), "too_long");
  for (const bad of ["a b c", "<b>x", "a@b.c", "a/b/c", "abc²"]) assert.equal(nameFault(bad), "bad_character", bad);
  for (const bad of ["_alice", ".alice", "\u0301alice", "__proto__"]) assert.equal(nameFault(bad), "bad_start", bad);
  assert.equal(nameFault("alice."), "bad_end");
  for (const bad of ["аlice", "alice和"]) assert.equal(nameFault(bad), "mixed_scripts", bad);
});

test("names are the same person without regard to case", () => {
  assert.equal(keyOf("BOB"), keyOf("bob"));
  assert.equal(keyOf("ZÉ"), keyOf("ze\u0301"));
  assert.equal(toneOf("Bob"), toneOf("bob"));
  assert.ok(toneOf("__proto__") < TONES);
  assert.equal(initialOf("😀x"), "😀");
  assert.equal(initialOf(""), "?");
});

test("times in the list grow shorter with the distance", () => {
  const now = new Date(2026, 10, 22, 12, 0).getTime();
  const at = (...date) => new Date(...date).getTime();
  assert.equal(daysAgo(at(2026, 10, 21, 23, 59), now), 1);
  assert.match(shortTime("en-GB", at(2026, 10, 22, 9, 5), now), /9:05/);
  assert.equal(shortTime("en", at(2026, 10, 20), now), "Fri");
  assert.equal(shortTime("en", at(2026, 9, 2), now), "Oct 2");
  assert.match(shortTime("en", at(2025, 9, 2), now), /2025/);
  assert.equal(dayName("en", at(2026, 10, 22), now), "Today");
  assert.equal(dayName("pt-BR", at(2026, 10, 21), now), "Ontem");
});

test("a length of time is told in its largest whole unit", () => {
  for (const [seconds, text] of [[1, "1s"], [59, "59s"], [60, "1m"], [61, "2m"], [3_540, "59m"], [3_599, "1h"], [3_600, "1h"], [86_399, "1d"], [604_800, "7d"]]) {
    assert.equal(durationText("en", seconds, "narrow"), text, String(seconds));
  }
  assert.equal(durationText("pt-BR", 7_200, "long"), "2 horas");
});
