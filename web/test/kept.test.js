/* What the page keeps over a visit: written a little later, at once when it may be going, never after the end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../recado.js";
import { createKept, SAVE_MS } from "../src/kept.js";
import { createClock, settle } from "./clock.js";

const scene = (store = memoryStore()) => {
  const clock = createClock();
  const writes = [];
  const watched = { ...store, write: (changes) => (writes.push(changes), store.write(changes)) };
  return { clock, writes, store, kept: createKept({ store: watched, clock }) };
};

test("many changes are one write, a little later, of what is so then", async () => {
  const { clock, writes, kept } = scene();
  const rows = [];
  for (const peer of ["a", "b", "c"]) {
    rows.push({ peer });
    kept.keepRows(() => rows);
    kept.keepDrafts(() => [{ peer, text: "x" }]);
  }
  assert.deepEqual(clock.waits(), [SAVE_MS]);
  await clock.forward(SAVE_MS - 1);
  assert.deepEqual(writes, []);
  await clock.forward(1);
  assert.deepEqual(writes, [[["page/list", rows], ["page/drafts", [{ peer: "c", text: "x" }]]]]);
  await clock.forward(10_000);
  assert.equal(writes.length, 1);
  assert.deepEqual(await kept.rows(), rows);
  assert.deepEqual(await kept.drafts(), [{ peer: "c", text: "x" }]);
});

test("it is written at once when the page may be going, and not again", async () => {
  const { clock, writes, kept } = scene();
  kept.keepDrafts(() => [{ peer: "bob", text: "hm" }]);
  await kept.flush();
  assert.equal(writes.length, 1);
  assert.deepEqual(clock.waits(), []);
  await kept.flush();
  assert.equal(writes.length, 1, "nothing new is no write");
  kept.keepDrafts(() => []);
  await clock.forward(SAVE_MS);
  assert.deepEqual(await kept.drafts(), []);
});

test("after the stop nothing is written, also not of what comes later: the store may be the next person's", async () => {
  const { clock, writes, kept } = scene();
  kept.keepDrafts(() => [{ peer: "bob", text: "before" }]);
  kept.stop();
  await clock.forward(10_000);
  kept.keepDrafts(() => [{ peer: "bob", text: "after" }]);
  await clock.forward(10_000);
  await kept.flush();
  assert.deepEqual(writes, []);
  const idle = scene();
  idle.kept.stop();
  idle.kept.keepRows(() => [{ peer: "bob" }]);
  await idle.clock.forward(10_000);
  assert.deepEqual(idle.writes, []);
});

test("only so many rows are kept", async () => {
  const { clock, kept } = scene();
  kept.keepRows(() => Array.from({ length: 150 }, (_, at) => ({ peer: `p${at}` })));
  await clock.forward(SAVE_MS);
  const rows = await kept.rows();
  assert.deepEqual([rows.length, rows[0].peer], [100, "p0"]);
});

test("a store that fails, or has something else there, is as if empty", async () => {
  const broken = { get: () => Promise.reject(new Error("quota")), write: () => Promise.reject(new Error("quota")) };
  const { clock, kept } = scene(broken);
  assert.deepEqual(await kept.rows(), []);
  kept.keepRows(() => [{ peer: "bob" }]);
  await clock.forward(SAVE_MS);
  await settle();
  const store = memoryStore();
  await store.write([["page/list", { no: "array" }], ["page/drafts", "x"]]);
  assert.deepEqual([await scene(store).kept.rows(), await scene(store).kept.drafts()], [[], []]);
});
