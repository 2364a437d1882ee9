/* Where rows begin: against sums made one by one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createHeights } from "../src/heights.js";

/* The same numbers at every run. */
const numbers = (seed) => () => (seed = (seed * 48271) % 2147483647);

const begins = (sizes) => sizes.map((_, index) => sizes.slice(0, index).reduce((sum, size) => sum + size, 0));

const agrees = (heights, sizes) => {
  const starts = begins(sizes);
  assert.equal(heights.count, sizes.length);
  assert.equal(heights.total, sizes.reduce((sum, size) => sum + size, 0));
  for (const [index, start] of starts.entries()) {
    assert.equal(heights.offset(index), start);
    assert.equal(heights.at(start), index);
    assert.equal(heights.at(start + sizes[index] - 0.5), index);
  }
};

test("places, rows at places and new heights agree with plain sums, whatever the number of rows", () => {
  const next = numbers(7);
  for (const count of [1, 2, 3, 7, 8, 9, 100]) {
    const sizes = Array.from({ length: count }, () => 20 + (next() % 200));
    const keys = sizes.map((_, index) => `k${index}`);
    const heights = createHeights();
    heights.arrange(keys, (index) => sizes[index]);
    agrees(heights, sizes);
    for (let turn = 0; turn < 20; turn += 1) {
      const index = next() % count;
      sizes[index] = 20 + (next() % 200);
      heights.measure(keys[index], sizes[index]);
    }
    agrees(heights, sizes);
  }
});

test("no rows, and places outside, are no trouble", () => {
  const heights = createHeights();
  heights.arrange([], () => 50);
  assert.deepEqual([heights.total, heights.at(0), heights.offset(3), heights.indexOf("x")], [0, -1, 0, -1]);
  heights.arrange(["a", "b"], () => 50);
  assert.deepEqual([heights.at(-30), heights.at(1e9), heights.offset(99)], [0, 1, 100]);
});

test("what was measured is kept when other rows come, and while its own row is away", () => {
  const heights = createHeights();
  heights.arrange(["a", "b"], () => 50);
  assert.equal(heights.measure("b", 80), true);
  assert.equal(heights.measure("b", 80), false);
  heights.arrange(["a"], () => 50);
  assert.equal(heights.measure("gone", 10), false);
  heights.arrange(["new", "a", "b"], () => 50);
  assert.deepEqual([heights.offset(2), heights.total, heights.indexOf("b")], [100, 180, 2]);
  assert.deepEqual([heights.isMeasured("b"), heights.isMeasured("a")], [true, false]);
});

test("a key may be any word", () => {
  const heights = createHeights();
  heights.arrange(["__proto__", "constructor"], () => 10);
  heights.measure("__proto__", 30);
  assert.deepEqual([heights.indexOf("__proto__"), heights.offset(1), heights.indexOf("toString")], [0, 30, -1]);
});
