/* Where a menu stands, and what typing finds in it. Its keys are tried in the browser: tests/flows/test_kit.py. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nextTyped, placeBeside } from "../src/views/menu.js";

const button = (left, top) => ({ left, top, right: left + 44, bottom: top + 44 });
const PHONE = { width: 360, height: 740 };
const SIZE = { width: 200, height: 240 };

test("a menu stands below its button, else above it, and never leaves the window", () => {
  assert.deepEqual(placeBeside(button(10, 100), SIZE, PHONE), { left: 10, top: 148 });
  assert.deepEqual(placeBeside(button(310, 100), SIZE, PHONE), { left: 152, top: 148 });
  assert.deepEqual(placeBeside(button(310, 690), SIZE, PHONE), { left: 152, top: 446 });
  for (const [left, top] of [[-40, -40], [0, 0], [340, 720], [150, 350], [500, 900], [158, 0]]) {
    for (const size of [SIZE, { width: 344, height: 724 }]) {
      const place = placeBeside(button(left, top), size, PHONE);
      assert.ok(place.left >= 8 && place.left + size.width <= 352, `${left} ${size.width}`);
      assert.ok(place.top >= 8 && place.top + size.height <= 732, `${top} ${size.height}`);
    }
  }
});

test("a letter goes to the next item that begins with it, more letters to the one they begin", () => {
  const names = ["Reply", "Copy", "Edit", "Éter", "Remove", "Delete"];
  assert.equal(nextTyped(names, -1, "r"), 0);
  assert.equal(nextTyped(names, 0, "r"), 4);
  assert.equal(nextTyped(names, 4, "R"), 0);
  assert.equal(nextTyped(names, 0, "rem"), 4);
  assert.equal(nextTyped(names, 4, "rem"), 4);
  assert.equal(nextTyped(names, 0, "é"), 3);
  assert.equal(nextTyped(names, 0, "x"), -1);
  assert.equal(nextTyped([], -1, "x"), -1);
});
