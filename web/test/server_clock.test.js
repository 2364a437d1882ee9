/* The server's time as its answers tell it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createServerClock } from "../recado/server_clock.js";

const TRUE_AHEAD = 7_340;
const dateAt = (at) => Math.floor((at + TRUE_AHEAD) / 1000) * 1000;

test("the time is never ahead of the server's and never goes back, and comes nearer with each answer", () => {
  let device = 1_000_000;
  const clock = createServerClock(() => device);
  assert.equal(clock.now(), null);
  let before = -Infinity;
  let behind = Infinity;
  for (let turn = 0; turn < 50; turn += 1) {
    const asked = device;
    const answered = device + ((turn * 37) % 200);
    device = answered + ((turn * 53) % 300);
    clock.hear(dateAt(answered), asked);
    const lag = device + TRUE_AHEAD - clock.now();
    assert.ok(lag >= 0 && lag <= behind, `${lag} ms behind, after ${behind}`);
    assert.ok(clock.now() >= before);
    [before, behind] = [clock.now(), lag];
    device += (turn * 131) % 700;
  }
  assert.ok(behind < 100, `${behind} ms behind`);
});

test("a server's clock that was set, and a device that slept, are noticed with the next answer", () => {
  for (const jump of [-3_600_000, -3_000, 3_000, 3_600_000]) {
    let device = 10_000_000;
    const clock = createServerClock(() => device);
    clock.hear(10_000_000, device);
    device += jump;
    clock.hear(10_000_000, device);
    assert.equal(clock.now(), 10_000_000, `${jump} ms`);
  }
});

test("one who signs out takes the time along", () => {
  const clock = createServerClock(() => 5);
  clock.hear(1_000, 5);
  clock.forget();
  assert.equal(clock.now(), null);
});
