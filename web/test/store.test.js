/* What the page keeps things in: what the browser has, unless it refuses or does not answer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../recado.js";
import { openStore, PATIENCE_MS } from "../src/store.js";
import { createClock } from "./clock.js";

test("a store that answers is the one that is used, and nothing waits any more", async () => {
  const clock = createClock();
  const store = { ...memoryStore(), shared: true };
  assert.equal(await openStore({ sealed: () => store, clock }), store);
  assert.deepEqual(clock.waits(), []);
});

test("where there is none, or it refuses, or never answers, the memory serves", async () => {
  const clock = createClock();
  const none = () => {
    throw new Error("no IndexedDB");
  };
  const refusing = () => ({ shared: true, get: () => Promise.reject(new Error("denied")) });
  const silent = () => ({ shared: true, get: () => new Promise(() => {}) });
  for (const sealed of [none, refusing, silent]) {
    const opening = openStore({ sealed, clock });
    await clock.forward(PATIENCE_MS);
    const store = await opening;
    assert.equal(store.shared, false);
    await store.write([["me", 1]]);
    assert.equal(await store.get("me"), 1);
  }
  assert.deepEqual(clock.waits(), []);
});
