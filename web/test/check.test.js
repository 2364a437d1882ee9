/* The live ✅ / ❌: a pause first, and only the newest question counts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createCheck, PAUSE_MS } from "../src/check.js";
import { createClock, settle } from "./clock.js";

const scene = () => {
  const clock = createClock();
  const asked = [];
  const check = createCheck({
    clock,
    exists: (name, signal) => new Promise((resolve, reject) => asked.push({ name, signal, resolve, reject })),
  });
  return { clock, check, asked, status: () => check.state.value.status };
};

test("it asks once, after a pause", async () => {
  const { clock, check, asked } = scene();
  for (const name of ["bob", "bobb", "bobby"]) {
    check.typed(name);
    await clock.forward(PAUSE_MS - 1);
  }
  await clock.forward(1);
  assert.deepEqual(asked.map(({ name }) => name), ["bobby"]);
});

test("an answer that comes late is not believed", async () => {
  const { clock, check, asked, status } = scene();
  check.typed("bob");
  await clock.forward(PAUSE_MS);
  check.typed("bobby");
  await clock.forward(PAUSE_MS);
  asked[1].resolve(false);
  await settle();
  asked[0].resolve(true);
  await settle();
  assert.equal(status(), "missing");
  assert.ok(asked[0].signal.aborted);
});

test("what cannot be a name is not asked for", async () => {
  const { clock, check, asked, status } = scene();
  for (const [name, expected] of [["", "idle"], ["ab", "fault"], ["a b c", "fault"], ["x".repeat(33), "fault"]]) {
    check.typed(name);
    await clock.forward(PAUSE_MS);
    assert.equal(status(), expected);
  }
  assert.equal(asked.length, 0);
});

test("a failed question shows neither sign", async () => {
  const { clock, check, asked, status } = scene();
  check.typed("bob");
  await clock.forward(PAUSE_MS);
  asked[0].reject(new Error());
  await settle();
  assert.equal(status(), "failed");
});

test("who does not wait gets the answer at once, and a known one without a question", async () => {
  const { check, asked } = scene();
  check.typed("constructor");
  const answer = check.now("constructor");
  asked[0].resolve(true);
  assert.equal(await answer, "exists");
  assert.equal(await check.now("constructor"), "exists");
  assert.equal(asked.length, 1);
});
