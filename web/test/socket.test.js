/* The live connection: when it tries again, and when it does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff, createSocket, FIRST_WAIT_MS, LONGEST_WAIT_MS, OPENING_MS, parseFrame, STEADY_MS } from "../src/socket.js";
import { createClock, settle } from "./clock.js";

const scene = ({ renew = async () => {}, ticket = async () => "t" } = {}) => {
  const seen = { states: [], frames: [], live: 0, renewed: 0, barred: 0, wires: [] };
  const clock = createClock();
  const socket = createSocket({
    ticket,
    connect: (pass) => {
      const wire = { pass, closed: false, close: () => (wire.closed = true) };
      seen.wires.push(wire);
      return wire;
    },
    renew: () => ((seen.renewed += 1), renew()),
    onFrame: (frame) => seen.frames.push(frame),
    onState: (state) => seen.states.push(state),
    onLive: () => (seen.live += 1),
    onBarred: () => (seen.barred += 1),
    clock,
    random: () => 1,
  });
  return { seen, clock, socket, last: () => seen.wires.at(-1) };
};

test("the wait doubles, is bounded, and half of it is left to chance", () => {
  assert.equal(backoff(0, () => 1), FIRST_WAIT_MS);
  assert.equal(backoff(0, () => 0), FIRST_WAIT_MS / 2);
  assert.equal(backoff(3, () => 1), FIRST_WAIT_MS * 8);
  assert.equal(backoff(1000, () => 1), LONGEST_WAIT_MS);
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const wait = backoff(attempt);
    assert.ok(wait >= FIRST_WAIT_MS / 2 && wait <= LONGEST_WAIT_MS);
  }
});

test("what is not an object is no frame", () => {
  for (const raw of ["", "<html>", "[1]", "null", "7", '"x"', "{"]) assert.equal(parseFrame(raw), null);
  assert.deepEqual(parseFrame('{"a":1}'), { a: 1 });
});

test("a lost connection comes back, and says that it is live each time", async () => {
  const { seen, clock, socket, last } = scene();
  socket.start();
  await settle();
  last().onopen();
  last().onmessage({ data: '{"id":1}' });
  last().onmessage({ data: "not json" });
  for (const code of [1006, 1012, 4409]) {
    last().onclose({ code });
    assert.equal(seen.states.at(-1), "offline");
    await clock.forward(clock.waits()[0]);
    last().onopen();
    assert.equal(seen.states.at(-1), "live");
  }
  assert.equal(seen.live, 4);
  assert.equal(seen.wires.length, 4);
  assert.deepEqual(seen.frames, [{ id: 1 }]);
});

test("the wait grows until a connection has been steady", async () => {
  const { clock, socket, last } = scene();
  socket.start();
  await settle();
  const lose = () => (last().onclose({ code: 1006 }), clock.waits()[0]);
  assert.equal(lose(), FIRST_WAIT_MS);
  await clock.forward(FIRST_WAIT_MS);
  last().onopen();
  assert.equal(lose(), FIRST_WAIT_MS * 2);
  await clock.forward(FIRST_WAIT_MS * 2);
  last().onopen();
  await clock.forward(STEADY_MS);
  assert.equal(lose(), FIRST_WAIT_MS);
});

test("an ended session is renewed once before it is given up", async () => {
  const refused = scene({ renew: async () => Promise.reject(Object.assign(new Error(), { status: 401 })) });
  refused.socket.start();
  await settle();
  refused.last().onopen();
  refused.last().onclose({ code: 4401 });
  await refused.clock.forward(LONGEST_WAIT_MS);
  assert.equal(refused.seen.renewed, 1);
  assert.equal(refused.seen.wires.length, 1);

  const renewed = scene();
  renewed.socket.start();
  await settle();
  renewed.last().onopen();
  renewed.last().onclose({ code: 4401 });
  await renewed.clock.forward(FIRST_WAIT_MS);
  assert.equal(renewed.seen.wires.length, 2);
});

test("a connection that does not open in time is dropped and tried again", async () => {
  const { seen, clock, socket } = scene();
  socket.start();
  await settle();
  await clock.forward(OPENING_MS + FIRST_WAIT_MS);
  assert.equal(seen.wires.length, 2);
  assert.ok(seen.wires[0].closed);
});

test("a ticket that cannot be had is asked for again", async () => {
  let asked = 0;
  const { seen, clock, socket } = scene({ ticket: async () => ((asked += 1) < 3 ? Promise.reject(new Error()) : "t") });
  socket.start();
  await clock.forward(FIRST_WAIT_MS * 4);
  assert.equal(asked, 3);
  assert.equal(seen.wires.length, 1);
});

test("calls that get through while the connection is barred are told", async () => {
  const { seen, clock, socket, last } = scene();
  socket.start();
  await settle();
  last().onclose({ code: 1006 });
  assert.equal(seen.barred, 0, "once may be chance");
  await clock.forward(FIRST_WAIT_MS);
  last().onclose({ code: 1006 });
  assert.equal(seen.barred, 1);
});

test("nothing happens after the stop", async () => {
  const { seen, clock, socket, last } = scene();
  socket.start();
  await settle();
  last().onopen();
  socket.stop();
  last().onmessage({ data: '{"id":1}' });
  last().onclose({ code: 1006 });
  socket.hurry();
  socket.lost();
  await clock.forward(LONGEST_WAIT_MS);
  assert.equal(seen.wires.length, 1);
  assert.deepEqual(seen.frames, []);
});
