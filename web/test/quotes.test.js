/* Messages that others answer: at hand, asked for once, gone, and not to be had. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../recado.js";
import { createQuotes } from "../src/quotes.js";
import { settle } from "./clock.js";
import { messageFor } from "./server.js";

const scene = () => {
  const asked = [];
  const client = {
    me: "alice",
    call: (method, path) => new Promise((resolve, reject) => asked.push({ called: `${method} ${path}`, give: (said) => resolve({ said }), fail: reject })),
  };
  return { asked, quotes: createQuotes({ client }) };
};
const message = messageFor(7, "bob", "alice", "the question");
const notFound = new Problem("problem", { status: 404, code: "not_found" });

test("what is at hand is not asked for", () => {
  const { asked, quotes } = scene();
  assert.deepEqual(quotes.of(7, "bob", [message]).value, { status: "ready", message });
  assert.deepEqual(quotes.of(7, "bob").value, { status: "ready", message });
  assert.deepEqual(asked, []);
});

test("a message of another conversation is none here", async () => {
  const { asked, quotes } = scene();
  const quote = quotes.of(7, "carol");
  asked[0].give(message);
  await settle();
  assert.deepEqual(quote.value, { status: "gone", message: null });
});

test("what is not is asked for once, however often it is shown", async () => {
  const { asked, quotes } = scene();
  const quote = quotes.of(7, "bob");
  assert.equal(quotes.of(7, "bob"), quote);
  assert.deepEqual([quote.value.status, asked.map(({ called }) => called)], ["loading", ["GET /api/messages/7/"]]);
  asked[0].give(message);
  await settle();
  assert.deepEqual(quote.value, { status: "ready", message });
});

test("what is gone, or no message, is said to be gone and not asked for again", async () => {
  for (const end of [(one) => one.fail(notFound), (one) => one.give({ ...message, content: "" }), (one) => one.give("<html>")]) {
    const { asked, quotes } = scene();
    const quote = quotes.of(7, "bob");
    end(asked[0]);
    await settle();
    assert.deepEqual(quote.value, { status: "gone", message: null });
    quotes.of(7, "bob");
    quotes.retry();
    assert.equal(asked.length, 1);
  }
});

test("what could not be had is not asked for at each drawing, but with the next connection", async () => {
  const { asked, quotes } = scene();
  const quote = quotes.of(7, "bob");
  asked[0].fail(new Problem("network"));
  await settle();
  assert.equal(quote.value.status, "failed");
  assert.equal(quotes.of(7, "bob"), quote);
  assert.equal(asked.length, 1, "a view that draws the failure must not make the next one");
  quotes.retry();
  assert.equal(quote.value.status, "loading");
  asked[1].give(message);
  await settle();
  assert.equal(quote.value.status, "ready");
});

test("an event that comes meanwhile knows better than the answer", async () => {
  const { asked, quotes } = scene();
  const deleted = quotes.of(7, "bob");
  quotes.changed(7, null);
  const edited = quotes.of(8, "bob");
  quotes.changed(8, { ...message, id: 8, content: "mended" });
  asked[0].give(message);
  asked[1].give({ ...message, id: 8 });
  await settle();
  assert.deepEqual([deleted.value.status, edited.value.message.content], ["gone", "mended"]);
  quotes.changed(9, null);
  assert.equal(asked.length, 2, "of one that is quoted nowhere nothing is known");
});

test("after a reset everything is asked for anew", () => {
  const { asked, quotes } = scene();
  quotes.of(7, "bob", [message]);
  quotes.reset();
  assert.equal(quotes.of(7, "bob").value.status, "loading");
  assert.equal(asked.length, 1);
});

test("a message of another conversation is none here, whoever names it, and nothing is lost by the asking", async () => {
  const { asked, quotes } = scene();
  const strange = quotes.of(7, "carol");
  asked[0].give(message);
  await settle();
  assert.deepEqual(strange.value, { status: "gone", message: null });
  const own = quotes.of(7, "bob", [message]);
  assert.equal(own.value.status, "ready");
  const again = quotes.of(7, "carol");
  assert.equal(again.value.status, "loading", "what is known of it in its own conversation is not shown in another");
  asked[1].give({ ...message, recipient: "dave" });
  const others = quotes.of(8, "bob");
  asked[2].give({ ...message, id: 8, recipient: "dave" });
  await settle();
  assert.deepEqual([again.value.status, others.value.status], ["gone", "gone"]);
});
