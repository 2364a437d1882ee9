/* Threads: order, no doubles, echoes, reloads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  discarded, listed, marked, messageOf, messagesOf, newestFirst, newThread, pruned, received, sent, withNewest, withOlder, written,
} from "../src/messages.js";

const ME = "ana";
const from = (sender, id, content = `m${id}`, more = {}) =>
  messageOf({ id, sender, recipient: sender === ME ? "bob" : ME, content, timestamp: "2026-11-22T10:00:00.000Z", ...more });
const pending = (clientId, content) => ({ clientId, sender: ME, content, at: 0, state: "sending" });
const ids = (thread) => thread.items.map(({ id }) => id);
const ready = (thread, page, older = null) => withNewest(thread, page, older, ME);

test("a message has one shape, whichever door it came through", () => {
  const rest = messageOf({ id: 1, sender: "a", recipient: "b", content: "hi", timestamp: "2026-11-22T10:00:00.000Z" });
  const live = messageOf({ id: 1, sender: "a", recipient: "b", message: "hi", timestamp: "2026-11-22T10:00:00.000Z" });
  assert.deepEqual(rest, live);
});

test("what is no message is dropped", () => {
  for (const one of [null, 7, "x", [], {}, { id: 0, sender: "a", recipient: "b" }, { id: 1.5, sender: "a", recipient: "b" }, { id: 2, sender: 1, recipient: "b" }, { error: "no", code: "invalid" }]) {
    assert.equal(messageOf(one), null);
  }
  assert.deepEqual(messagesOf({ messages: [] }), []);
});

test("messages stand by id, once each, however often and in whatever order they come", () => {
  let thread = newThread("bob");
  for (const id of [3, 1, 2, 3, 1]) thread = received(thread, from("bob", id), ME);
  assert.deepEqual(ids(thread), [1, 2, 3]);
});

test("an echo that comes before the answer is not shown beside the message being sent", () => {
  let thread = written(newThread("bob"), pending("c1", "hi"));
  thread = received(thread, from(ME, 5, "hi"), ME);
  assert.deepEqual(ids(thread), []);
  thread = sent(thread, "c1", from(ME, 5, "hi"));
  assert.deepEqual(ids(thread), [5]);
  assert.deepEqual(thread.pending, []);
  assert.deepEqual(thread.held, []);
});

test("the same words twice are two messages", () => {
  let thread = written(written(newThread("bob"), pending("c1", "ok")), pending("c2", "ok"));
  thread = received(received(thread, from(ME, 5, "ok"), ME), from(ME, 6, "ok"), ME);
  thread = sent(thread, "c1", from(ME, 5, "ok"));
  thread = sent(thread, "c2", from(ME, 6, "ok"));
  assert.deepEqual(ids(thread), [5, 6]);
});

test("the same words from another device of ours are shown once ours are settled", () => {
  let thread = written(newThread("bob"), pending("c1", "ok"));
  thread = received(thread, from(ME, 5, "ok"), ME);
  thread = sent(thread, "c1", from(ME, 6, "ok"));
  assert.deepEqual(ids(thread), [5, 6]);
});

test("a failed message that had been stored shows as stored when it is discarded", () => {
  let thread = written(newThread("bob"), pending("c1", "hi"));
  thread = received(thread, from(ME, 5, "hi"), ME);
  thread = marked(thread, "c1", { state: "failed" });
  assert.deepEqual(ids(thread), []);
  thread = discarded(thread, "c1");
  assert.deepEqual(ids(thread), [5]);
});

test("history that holds our client id settles the message", () => {
  let thread = written(newThread("bob"), pending("c1", "hi"));
  thread = ready(thread, [from(ME, 5, "hi", { client_id: "c1" })]);
  assert.deepEqual(thread.pending, []);
});

test("another person's client id settles nothing of ours", () => {
  let thread = written(newThread("bob"), pending("c1", "hi"));
  thread = received(thread, from("bob", 5, "hi", { client_id: "c1" }), ME);
  assert.equal(thread.pending.length, 1);
});

test("a reload keeps what came live meanwhile, and lets go of what is gone", () => {
  let thread = ready(newThread("bob"), [from("bob", 3), from("bob", 2), from("bob", 1)]);
  thread = received(thread, from("bob", 9), ME);
  thread = ready(thread, [from("bob", 3), from("bob", 1)]);
  assert.deepEqual(ids(thread), [1, 3, 9]);
});

test("a reload that does not reach what is held lets it go: no hole is shown", () => {
  let thread = ready(newThread("bob"), [from("bob", 2), from("bob", 1)], "/api/older-1");
  thread = ready(thread, [from("bob", 60), from("bob", 59)], "/api/older-59");
  assert.deepEqual(ids(thread), [59, 60]);
  assert.equal(thread.older, "/api/older-59");
});

test("a reload that joins keeps the older pages and their next one", () => {
  let thread = ready(newThread("bob"), [from("bob", 6), from("bob", 5)], "/api/older-5");
  thread = withOlder(thread, [from("bob", 4), from("bob", 3)], "/api/older-3");
  thread = ready(thread, [from("bob", 7), from("bob", 6)], "/api/older-6");
  assert.deepEqual(ids(thread), [3, 4, 5, 6, 7]);
  assert.equal(thread.older, "/api/older-3");
});

test("what has expired goes, and nothing changes when nothing has", () => {
  const thread = ready(newThread("bob"), [from("bob", 2), from("bob", 1, "soon gone", { expires_at: "2026-11-22T10:00:05.000Z" })]);
  const at = Date.parse("2026-11-22T10:00:00Z");
  assert.equal(pruned(thread, at), thread);
  assert.deepEqual(ids(pruned(thread, at + 5000)), [2]);
});

test("names like __proto__ are names", () => {
  let list = new Map();
  for (const [id, name] of [[1, "__proto__"], [2, "constructor"], [3, "bob"], [4, "__proto__"]]) list = listed(list, name, name, { id });
  assert.deepEqual(newestFirst(list).map(({ key, last }) => [key, last.id]), [["__proto__", 4], ["bob", 3], ["constructor", 2]]);
  assert.equal(listed(list, "bob", "bob", { id: 2 }), list, "an older message changes nothing");
});
