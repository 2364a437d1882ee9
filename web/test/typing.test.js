/* Who is typing: each word of it holds for some seconds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTyping, TYPING_HOLDS_MS } from "../src/typing.js";
import { createClock } from "./clock.js";

const scene = () => {
  const clock = createClock();
  return { clock, typing: createTyping({ clock }) };
};
const names = ({ who }) => [...who.value];

test("a word of it holds for some seconds from the last one, for each person by themselves", async () => {
  const { clock, typing } = scene();
  typing.heard("bob");
  await clock.forward(TYPING_HOLDS_MS - 1);
  typing.heard("carol");
  typing.heard("bob");
  await clock.forward(TYPING_HOLDS_MS - 1);
  assert.deepEqual(names(typing), ["bob", "carol"]);
  await clock.forward(1);
  assert.deepEqual(names(typing), []);
  assert.deepEqual(clock.waits(), []);
});

test("a message ends it at once, and of nobody who was not typing", async () => {
  const { clock, typing } = scene();
  typing.heard("bob");
  const before = typing.who.value;
  typing.over("carol");
  assert.equal(typing.who.value, before, "nothing is drawn anew");
  typing.heard("bob");
  assert.equal(typing.who.value, before);
  typing.over("bob");
  assert.deepEqual(names(typing), []);
  assert.deepEqual(clock.waits(), []);
});

test("nothing is left waiting after the stop", () => {
  const { clock, typing } = scene();
  typing.heard("bob");
  typing.heard("carol");
  typing.stop();
  assert.deepEqual(clock.waits(), []);
});
