/* The open conversation: loading, older pages, failures, the line of the unread, and that nothing comes after its end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../recado.js";
import { newRow } from "../src/listing.js";
import { openThread } from "../src/thread.js";
import { settle } from "./clock.js";
import { messageFor } from "./server.js";

const theirs = (id) => ({ ...messageFor(id, "bob", "alice", `m${id}`), mine: false, state: "received" });
const pending = { client_id: "u", sender: "alice", recipient: "bob", content: "x", mine: true, state: "sending" };
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => theirs(from + at));

/** `client.history` waits for the test's word: `give(items below what is known, more)`, or `fail(problem)`. */
const scene = ({ known = [], unread = 0, last = null } = {}) => {
  const here = { items: known, asked: [], seen: [] };
  const client = {
    messages: () => here.items,
    history: (peer, options) => new Promise((resolve, reject) => here.asked.push({ peer, options, resolve, reject })),
  };
  here.thread = openThread({ client, row: { ...newRow("bob"), last }, unread, onSeen: (peer, id) => here.seen.push([peer, id]) });
  here.now = () => here.thread.value.value;
  here.give = async (items, more) => {
    here.items = [...items, ...here.items];
    here.asked.shift().resolve(more);
    await settle();
  };
  here.fail = async (problem = new Problem("network")) => {
    here.asked.shift().reject(problem);
    await settle();
  };
  here.live = (...items) => {
    here.items = [...here.items, ...items];
    here.thread.refresh();
  };
  here.ids = () => here.now().items.map(({ id }) => id);
  return here;
};
const broken = new Problem("problem", { status: 503, code: "unavailable" });

test("a conversation of which nothing is known loads; one that is known is there at once, and learns whether there is more", async () => {
  const fresh = scene();
  void fresh.thread.load();
  assert.deepEqual([fresh.now().status, fresh.now().more], ["loading", null]);
  assert.deepEqual([fresh.asked[0].peer, fresh.asked[0].options], ["bob", { limit: 50 }]);
  await fresh.give(range(1, 3), false);
  assert.deepEqual([fresh.now().status, fresh.now().more, fresh.ids()], ["ready", false, [1, 2, 3]]);
  const known = scene({ known: range(51, 60) });
  void known.thread.load();
  assert.deepEqual([known.now().status, known.now().items.length], ["ready", 10]);
  await known.give(range(1, 50), true);
  assert.deepEqual([known.now().items.length, known.now().more], [60, true]);
  const empty = scene();
  void empty.thread.load();
  await empty.give([], false);
  assert.deepEqual([empty.now().status, empty.now().items], ["ready", []]);
});

test("what is known is not enough to begin with while the unread begin above it, unless more cannot be had", async () => {
  for (const [end, more] of [[(here) => here.give(range(1, 9), false), false], [(here) => here.fail(), null]]) {
    const here = scene({ known: [theirs(10)], unread: 8, last: theirs(10) });
    void here.thread.load();
    assert.deepEqual([here.now().status, here.ids(), here.now().firstUnread], ["loading", [10], null]);
    await end(here);
    assert.deepEqual([here.now().status, here.now().more, here.now().firstUnread], ["ready", more, more === false ? 3 : null]);
  }
  const begun = scene({ known: range(1, 3), unread: 2 });
  void begun.thread.load();
  assert.equal(begun.now().status, "ready");
});

test("a failure is shown when nothing is known, and tried again; what is known is shown all the same", async () => {
  const fresh = scene();
  void fresh.thread.load();
  await fresh.fail(broken);
  assert.deepEqual([fresh.now().status, fresh.now().problem], ["failed", broken]);
  void fresh.thread.load();
  assert.deepEqual([fresh.now().status, fresh.now().problem], ["loading", null]);
  await fresh.give(range(1, 2), false);
  assert.equal(fresh.now().status, "ready");
  const known = scene({ known: range(1, 2) });
  void known.thread.load();
  await known.fail();
  assert.deepEqual([known.now().status, known.now().problem, known.now().more], ["ready", null, null]);
  const left = scene();
  void left.thread.load();
  await left.fail(new Problem("aborted"));
  assert.equal(left.now().status, "loading", "what was given up did not fail");
});

test("older pages come one at a time, to the beginning and no further", async () => {
  const here = scene({ known: range(101, 150) });
  void here.thread.load();
  await here.give(range(51, 100), true);
  const both = Promise.all([here.thread.loadOlder(), here.thread.loadOlder()]);
  assert.deepEqual([here.asked.length, here.now().olderStatus], [1, "loading"]);
  await here.give(range(1, 50), false);
  await both;
  assert.deepEqual([here.now().items.length, here.now().olderStatus, here.now().more], [150, "ready", false]);
  await here.thread.loadOlder();
  assert.deepEqual(here.asked, []);
});

test("an older page that fails says so, leaves what is there, and may be asked for again", async () => {
  const here = scene();
  await here.thread.loadOlder();
  assert.deepEqual(here.asked, [], "not before the first page");
  void here.thread.load();
  await here.give(range(51, 60), true);
  void here.thread.loadOlder();
  await here.fail(broken);
  assert.deepEqual([here.now().olderStatus, here.now().status, here.ids().length], ["failed", "ready", 10]);
  void here.thread.loadOlder();
  await here.give(range(1, 50), false);
  assert.deepEqual([here.now().olderStatus, here.ids().length], ["ready", 60]);
  const given = scene({ known: range(1, 2) });
  void given.thread.loadOlder();
  await given.fail(new Problem("aborted"));
  assert.equal(given.now().olderStatus, "ready");
});

test("the line of the unread stands where they began, and stays there while more comes", async () => {
  const here = scene({ known: range(1, 6), unread: 2, last: theirs(6) });
  assert.equal(here.now().firstUnread, 5);
  here.live(theirs(7), theirs(8));
  assert.equal(here.now().firstUnread, 5);
  here.thread.missed(9);
  assert.equal(here.now().firstUnread, 5, "the first of them has not been seen yet");
});

test("what comes while the page is loading is none of those that were unread at the opening", async () => {
  const here = scene({ unread: 2, last: theirs(6) });
  void here.thread.load();
  here.live(theirs(7));
  assert.equal(here.now().firstUnread, null);
  await here.give(range(1, 6), false);
  assert.equal(here.now().firstUnread, 5);
  const waiting = scene({ known: [...range(1, 6), pending], unread: 3 });
  waiting.live(theirs(7));
  assert.equal(waiting.now().firstUnread, 4);
});

test("the unread are looked for in older pages, until they are there, there is no more, or it fails", async () => {
  const found = scene({ known: range(101, 110), unread: 70, last: theirs(110) });
  assert.equal(found.now().firstUnread, null);
  const first = found.thread.findUnread();
  for (const [from, to] of [[51, 100], [1, 50]]) {
    await settle();
    await found.give(range(from, to), true);
  }
  assert.deepEqual([await first, found.now().items.length, found.asked.length], [41, 110, 0]);
  const none = scene({ known: range(9, 10), unread: 70 });
  const nothing = none.thread.findUnread();
  await none.give(range(1, 8), false);
  assert.equal(await nothing, null);
  for (const end of [(here) => here.fail(broken), (here) => here.give([], true)]) {
    const here = scene({ known: range(9, 10), unread: 70 });
    const asked = here.thread.findUnread();
    await end(here);
    assert.deepEqual([await asked, here.asked.length], [null, 0]);
  }
  assert.equal(await scene({ known: range(1, 3) }).thread.findUnread(), null);
  assert.equal(await scene({ known: range(1, 3), unread: 1 }).thread.findUnread(), 3);
});

test("the search for the unread goes on from a page that is under way already", async () => {
  const here = scene({ known: range(51, 60), unread: 30, last: theirs(60) });
  void here.thread.loadOlder();
  const found = here.thread.findUnread();
  assert.equal(here.asked.length, 1);
  await here.give(range(1, 50), false);
  assert.equal(await found, 31);
});

test("a message that is quoted is looked for in older pages, and no further than where it would be", async () => {
  const here = scene({ known: range(101, 110) });
  assert.equal((await here.thread.find(105)).id, 105);
  const found = here.thread.find(60);
  await here.give(range(51, 100), true);
  assert.equal((await found).id, 60);
  here.items = here.items.filter(({ id }) => id !== 70);
  here.thread.refresh();
  assert.equal(await here.thread.find(70), null, "it is gone");
  assert.deepEqual(here.asked, []);
  for (const end of [() => here.fail(broken), () => here.give([], true), () => here.give(range(41, 50), false)]) {
    const asked = here.thread.find(7);
    await end();
    assert.deepEqual([await asked, here.asked.length], [null, 0]);
  }
});

test("news that nobody was looking at draws a line before the first of them; a line that was passed gives way", () => {
  const here = scene({ known: range(1, 6), unread: 1, last: theirs(6) });
  assert.equal(here.now().firstUnread, 6);
  here.thread.seen(6);
  here.live(theirs(7));
  here.thread.missed(7);
  here.live(theirs(8));
  here.thread.missed(8);
  assert.equal(here.now().firstUnread, 7);
  here.thread.seen(8);
  here.thread.missed(9);
  assert.equal(here.now().firstUnread, 9);
});

test("what has been seen is told once, and only onwards", () => {
  const here = scene({ known: range(1, 6) });
  for (const id of [3, 2, 3, 6]) here.thread.seen(id);
  assert.deepEqual(here.seen, [["bob", 3], ["bob", 6]]);
  assert.equal(here.thread.seenTo, 6);
});

test("after the closing nothing changes it, and nobody has seen anything", async () => {
  const here = scene({ unread: 2 });
  void here.thread.load();
  here.thread.close();
  const before = here.thread.value.value;
  await here.give(range(1, 3), true);
  here.live(theirs(4));
  here.thread.missed(4);
  here.thread.seen(4);
  assert.equal(here.thread.value.value, before);
  assert.deepEqual(here.seen, []);
  const searching = scene({ known: range(101, 110), unread: 90 });
  const asked = searching.thread.findUnread();
  searching.thread.close();
  await searching.give(range(51, 100), true);
  assert.equal(await asked, null);
  assert.equal(await searching.thread.findUnread(), null);
  assert.equal(await searching.thread.find(5), null);
  assert.deepEqual(searching.asked, [], "the search is over as well");
});

test("after a reset it loads anew, keeps what waits to be sent, and no line stands where nothing is known", async () => {
  const here = scene({ known: [...range(1, 6), pending], unread: 2, last: theirs(6) });
  here.items = [pending];
  const again = here.thread.again();
  assert.deepEqual([here.now().items, here.now().firstUnread, here.now().more], [[pending], null, null]);
  await here.give(range(3, 9), true);
  await again;
  assert.deepEqual([here.now().status, here.now().items.length, here.now().firstUnread, here.now().more], ["ready", 8, null, true]);
});

test("what was asked for before a reset says nothing of what is there after it", async () => {
  const here = scene();
  void here.thread.load();
  const again = here.thread.again();
  await here.give([], true); // the library leaves out the page that was overtaken
  assert.equal(here.now().status, "loading", "nothing is known yet");
  await here.give(range(1, 3), false);
  await again;
  assert.deepEqual([here.now().status, here.now().more], ["ready", false]);
  const late = scene({ known: range(51, 60) });
  void late.thread.loadOlder();
  late.items = [];
  void late.thread.again();
  assert.equal(late.now().olderStatus, "ready");
  const [older] = late.asked.splice(0, 1);
  await late.give(range(1, 3), false);
  older.reject(broken);
  await settle();
  assert.deepEqual([late.now().olderStatus, late.now().more], ["ready", false]);
});

test("unread messages on pages that are not loaded yet are known to be there, until their line is", async () => {
  const here = scene({ unread: 60, last: messageFor(100, "bob", "alice", "m100") });
  void here.thread.load();
  assert.equal(here.now().unreadBefore, false, "nothing is known yet");
  await here.give(range(51, 100), true);
  assert.deepEqual([here.now().firstUnread, here.now().unreadBefore], [null, true]);
  void here.thread.loadOlder();
  await here.give(range(1, 50), true);
  assert.deepEqual([here.now().firstUnread, here.now().unreadBefore], [41, false]);
});
