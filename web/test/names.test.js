/* Names, passwords and times. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { initialOf, keyOf, lengthOf, nameFault, passwordFault, TONES, toneOf } from "../src/names.js";
import { dayName, daysAgo, laidOut, shortTime } from "../src/when.js";

test("lengths are counted as the server counts them", () => {
  assert.equal(lengthOf("a😀b"), 3);
  assert.equal(passwordFault("😀".repeat(8)), null);
  assert.equal(passwordFault("1234567"), "too_short");
  assert.equal(passwordFault("x".repeat(129)), "too_long");
});

test("the shape of names", () => {
  for (const good of ["bob", "zé_ninguém", "a.b-c", "Борис", "__proto__"]) assert.equal(nameFault(good), null, good);
  assert.equal(nameFault(""), "required");
  assert.equal(nameFault("ab"), "too_short");
  assert.equal(nameFault("x".repeat(33)), "too_long");
  for (const bad of ["a b c", "<b>x", "a@b.c", "a/b/c"]) assert.equal(nameFault(bad), "bad_character", bad);
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

test("days and runs begin where they begin", () => {
  const at = (day, minute) => new Date(2026, 10, day, 12, minute).getTime();
  const items = [["a", at(21, 0)], ["a", at(21, 1)], ["b", at(21, 2)], ["b", at(21, 30)], ["b", at(22, 30)]].map(([sender, time]) => ({ sender, at: time }));
  const laid = laidOut(items);
  assert.deepEqual(laid.map(({ newDay }) => newDay), [true, false, false, false, true]);
  assert.deepEqual(laid.map(({ newRun }) => newRun), [true, false, true, true, true]);
});
