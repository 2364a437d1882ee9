/* One timer for all that ends by itself, by the server's clock. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEndings } from "../src/endings.js";
import { createClock } from "./clock.js";

const scene = (ends) => {
  const clock = createClock();
  const here = { clock, ends, ahead: 1_000, told: [] };
  here.client = { serverNow: () => (here.ahead === null ? null : clock.now() + here.ahead) };
  const onEnd = () => {
    here.told.push(clock.now());
    here.ends = here.ends.filter((at) => at > here.client.serverNow());
  };
  here.endings = createEndings({ client: here.client, clock, ends: () => here.ends, onEnd });
  return here;
};

test("each end is told at its moment, the first of them first", async () => {
  const { clock, endings, told } = scene([9_000, 4_000, 6_000]);
  endings.watch();
  endings.watch();
  assert.deepEqual(clock.waits(), [3_000]);
  await clock.forward(60_000);
  assert.deepEqual([told, clock.waits()], [[3_000, 5_000, 8_000], []]);
});

test("an end that is further away than a timer can be is looked for again", async () => {
  const here = scene([2 ** 32]);
  here.endings.watch();
  await here.clock.forward(2 ** 32 - 1_001);
  assert.deepEqual([here.told.length, here.ends.length], [1, 1]);
  await here.clock.forward(1);
  assert.deepEqual(here.ends, []);
});

test("without a word of the server's on the time, or with nothing that ends, nothing waits", async () => {
  const here = scene([4_000]);
  here.ahead = null;
  here.endings.watch();
  assert.deepEqual(here.clock.waits(), []);
  here.ahead = 0;
  here.endings.watch();
  here.endings.stop();
  assert.deepEqual(here.clock.waits(), []);
  here.ends = [];
  here.endings.watch();
  assert.deepEqual(here.clock.waits(), []);
});
