/* Where the keys lead among the emoji. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cellAfter } from "../src/views/emoji-picker.js";

test("arrows, Home and End lead through rows of eight, and never out of them", () => {
  const cases = [
    ["ArrowRight", 0, 1], ["ArrowRight", 7, 8], ["ArrowRight", 19, null], ["ArrowLeft", 8, 7], ["ArrowLeft", 0, null],
    ["ArrowDown", 3, 11], ["ArrowDown", 14, 19], ["ArrowDown", 18, 18], ["ArrowUp", 11, 3], ["ArrowUp", 3, null],
    ["Home", 11, 8], ["End", 11, 15], ["End", 17, 19], ["PageDown", 3, null],
  ];
  for (const [key, at, next] of cases) assert.equal(cellAfter(key, false, at, 20), next, `${key} at ${at}`);
  assert.deepEqual([cellAfter("Home", true, 11, 20), cellAfter("End", true, 11, 20), cellAfter("ArrowRight", false, 0, 0)], [0, 19, null]);
});
