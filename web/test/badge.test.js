/* The number on the icon of the installed page, and browsers that have none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setBadge } from "../src/badge.js";

test("a number is shown, some without a number, and none is taken away", async () => {
  const told = [];
  const navigator = { setAppBadge: async (...count) => void told.push(...count), clearAppBadge: async () => void told.push("none") };
  for (const count of [3, null, 0]) await setBadge(navigator, count);
  assert.deepEqual(told, [3, undefined, "none"]);
});

test("what the browser has not, or refuses, is left out", async () => {
  const refuse = () => Promise.reject(new Error("no"));
  for (const navigator of [{}, { setAppBadge: refuse, clearAppBadge: refuse }]) {
    for (const count of [1, null, 0]) await setBadge(navigator, count);
  }
});
