/* Sending: order, repeats after a lost answer, giving up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOutbox, TRIES } from "../src/outbox.js";
import { Problem } from "../src/problems.js";
import { createClock } from "./clock.js";

const scene = (answers) => {
  const posted = [];
  const sent = [];
  const failed = [];
  const clock = createClock();
  const outbox = createOutbox({
    post: async (draft) => {
      posted.push(draft.clientId);
      const next = answers.length ? answers.shift() : "ok";
      if (next instanceof Problem) throw next;
      return next;
    },
    onSent: (draft) => sent.push(draft.clientId),
    onFailed: (draft, problem) => failed.push([draft.clientId, problem.code]),
    clock,
    random: () => 1,
  });
  return { outbox, clock, posted, sent, failed };
};
const lost = () => new Problem("network");

test("a lost answer is met with the same client id, and what was written later waits", async () => {
  const { outbox, clock, posted, sent } = scene([lost(), lost()]);
  outbox.add({ clientId: "a" });
  outbox.add({ clientId: "b" });
  await clock.forward(10_000);
  assert.deepEqual(posted, ["a", "a", "a", "b"]);
  assert.deepEqual(sent, ["a", "b"]);
});

test("it gives up after some tries, and goes on with the next", async () => {
  const { outbox, clock, posted, sent, failed } = scene(Array.from({ length: TRIES }, lost));
  outbox.add({ clientId: "a" });
  outbox.add({ clientId: "b" });
  await clock.forward(120_000);
  assert.deepEqual(failed, [["a", "network"]]);
  assert.deepEqual(sent, ["b"]);
  assert.equal(posted.length, TRIES + 1);
});

test("a refusal fails at once; so does a wait too long to sit out", async () => {
  const { outbox, clock, posted, failed } = scene([
    new Problem("problem", { status: 404, code: "not_found" }),
    new Problem("problem", { status: 429, code: "too_many_requests", retryAfter: 300 }),
  ]);
  outbox.add({ clientId: "a" });
  outbox.add({ clientId: "b" });
  await clock.forward(0);
  assert.deepEqual(failed, [["a", "not_found"], ["b", "too_many_requests"]]);
  assert.equal(posted.length, 2);
});

test("a connection that is back ends the wait", async () => {
  const { outbox, clock, sent } = scene([lost()]);
  outbox.add({ clientId: "a" });
  await clock.forward(0);
  outbox.hurry();
  await clock.forward(0);
  assert.deepEqual(sent, ["a"]);
});

test("after the stop nothing is told", async () => {
  const { outbox, clock, sent, failed } = scene([lost()]);
  outbox.add({ clientId: "a" });
  outbox.stop();
  await clock.forward(60_000);
  assert.deepEqual([sent, failed], [[], []]);
});
