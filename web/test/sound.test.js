/* The tone: only when it is wanted, one for many, never late, and never an error. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSound } from "../src/sound.js";

const studio = ({ state = "running", resume = async () => {}, broken = false } = {}) => {
  const played = [];
  const part = () => ({ setValueAtTime() {}, linearRampToValueAtTime() {}, exponentialRampToValueAtTime() {} });
  class Context {
    constructor() {
      if (broken) throw new Error("no audio");
      this.state = state;
      this.currentTime = 5;
      this.destination = {};
    }
    resume() {
      return resume();
    }
    createGain() {
      return { gain: part(), connect: (next) => next };
    }
    createOscillator() {
      return { frequency: {}, connect: (next) => next, start: (at) => played.push(at), stop() {} };
    }
  }
  return { Context, played };
};

test("a tone is heard only when it is wanted", async () => {
  const { Context, played } = studio();
  let on = false;
  const { play } = createSound({ isOn: () => on, Context });
  assert.equal(await play(), false);
  on = true;
  assert.equal(await play(), true);
  assert.equal(played.length, 2);
  assert.ok(played.every((at) => at >= 5));
});

test("many at once are one", async () => {
  let time = 0;
  const { Context, played } = studio();
  const { play } = createSound({ isOn: () => true, Context, now: () => time });
  assert.deepEqual(await Promise.all([play(), play(), play()]), [true, false, false]);
  time = 1400;
  assert.equal(await play(), false);
  time = 1600;
  assert.equal(await play(), true);
  assert.equal(played.length, 4);
});

test("what the browser lets through late is not heard", async () => {
  let time = 0;
  const { Context, played } = studio({ state: "suspended", resume: async () => void (time += 60_000) });
  assert.equal(await createSound({ isOn: () => true, Context, now: () => time }).play(), false);
  const quick = studio({ state: "suspended" });
  assert.equal(await createSound({ isOn: () => true, Context: quick.Context, now: () => time }).play(), true);
  assert.deepEqual([played.length, quick.played.length], [0, 2]);
});

test("a browser that refuses is no error", async () => {
  const refusing = studio({ state: "suspended", resume: () => Promise.reject(new Error("not allowed")) });
  for (const Context of [studio({ broken: true }).Context, refusing.Context, null]) {
    assert.equal(await createSound({ isOn: () => true, Context }).play(), false);
  }
});
