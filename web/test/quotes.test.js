/* Messages that others answer: at hand, asked for once, gone, and not to be had. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../recado.js";
import { createQuotes } from "../src/quotes.js";
import { createClock, settle } from "./clock.js";
import { messageFor } from "./server.js";

const scene = () => {
  const asked = [];
  const clock = createClock();
  const client = {
    me: "alice",
    serverNow: () => clock.now(),
    call: (method, path) => new Promise((resolve, reject) => asked.push({ called: `${method} ${path}`, give: (said) => resolve({ said }), fail: reject })),
  };
  return { asked, clock, quotes: createQuotes({ client, clock }) };
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

test("what ends by itself is gone at that moment, without a word of the server's", async () => {
  const { asked, clock, quotes } = scene();
  const at = (ms) => ({ ...message, expires_at: new Date(ms).toISOString() });
  const [known, fetched, lasting] = [quotes.of(7, "bob", [at(5_000)]), quotes.of(8, "bob"), quotes.of(9, "bob", [{ ...message, id: 9 }])];
  asked[0].give({ ...at(3_000), id: 8 });
  await clock.forward(2_999);
  assert.deepEqual([known, fetched, lasting].map((quote) => quote.value.status), ["ready", "ready", "ready"]);
  await clock.forward(1);
  assert.deepEqual(fetched.value, { status: "gone", message: null });
  await clock.forward(2_000);
  assert.deepEqual([known, lasting].map((quote) => quote.value.status), ["gone", "ready"]);
  assert.deepEqual(clock.waits(), []);
});

test("the watch for a distant end is as long as a timer may be, and stops", async () => {
  const { clock, quotes } = scene();
  quotes.of(7, "bob", [{ ...message, expires_at: new Date(2 ** 40).toISOString() }]);
  assert.deepEqual(clock.waits(), [2 ** 31 - 1]);
  quotes.stop();
  assert.deepEqual(clock.waits(), []);
});
