/* The list of conversations as it lives: what the server says and what comes by itself, in either order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals";
import { Problem } from "../recado.js";
import { AGAIN_MS, createDirectory } from "../src/directory.js";
import { createClock, settle } from "./clock.js";
import { messageFor } from "./server.js";

const theirs = (id, more = {}) => ({ ...messageFor(id, "bob", "alice", `m${id}`), mine: false, state: "received", ...more });
const own = (id) => ({ ...messageFor(id, "alice", "bob", `m${id}`), mine: true, state: "sent" });
const pending = { client_id: "u", sender: "alice", recipient: "bob", content: "waits", mine: true, state: "sending" };
const inList = (id, unread, more = {}) => ({ peer: "bob", last_message: messageFor(id, "bob", "alice", `m${id}`), unread, ...more });

const scene = ({ pages = [], names = {}, after = {} } = {}) => {
  const here = { threads: new Map(), seen: new Map(), timers: new Map(), pages, asked: [], reads: [], called: [], saved: [], time: null, drafts: signal(new Map()) };
  here.clock = createClock();
  const client = {
    me: "alice",
    state: { connection: "live" },
    messages: (key) => here.threads.get(key) ?? [],
    marks: (key) => ({ delivered: 0, read: 0, seen: here.seen.get(key) ?? 0 }),
    timerOf: (peer) => here.timers.get(peer) ?? null,
    serverNow: () => here.time,
    read: (peer, upTo) => here.reads.push([peer, upTo]),
    async conversations(options) {
      here.asked.push(options);
      const page = await here.pages.shift();
      if (page instanceof Error) throw page;
      return { conversations: page?.rows ?? page ?? [], next: page?.next ?? null };
    },
    async call(method, path) {
      here.called.push(`${method} ${path}`);
      const said = await names[path.split("?")[0]];
      if (said instanceof Error) throw said;
      return { said, next: after[path.split("?")[0]] ?? null };
    },
  };
  here.directory = createDirectory({ client, drafts: here.drafts, clock: here.clock, onRows: (rows) => here.saved.push(rows) });
  here.rows = () => here.directory.conversations.value;
  here.row = (key = "bob") => here.rows().find((one) => one.key === key);
  here.live = (...items) => {
    here.threads.set("bob", [...(here.threads.get("bob") ?? []), ...items]);
    here.directory.refresh("bob");
  };
  return here;
};
/** A page that comes when the test says so. */
const held = () => {
  let give;
  const page = new Promise((resolve) => (give = resolve));
  return { page, give: (said) => (give(said), settle()) };
};
const broken = new Problem("problem", { status: 503, code: "unavailable" });

test("what an earlier visit kept gives way to the server's list, unless the client knows better", async () => {
  const kept = (key, id) => ({ key, peer: key, last: messageFor(id, key, "alice", `m${id}`), base: { upTo: id, unread: 1 } });
  const here = scene({ pages: [{ rows: [inList(4, 0)], next: "more" }] });
  here.threads.set("known", [{ ...messageFor(8, "known", "alice", "m8"), mine: false, state: "received" }]);
  here.directory.restore([kept("bob", 5), kept("known", 8), kept("gone", 7), kept("old", 2)]);
  assert.deepEqual(here.rows().map(({ key }) => key), ["known", "gone", "bob", "old"]);
  await here.directory.load();
  assert.deepEqual(here.rows().map(({ key, last }) => [key, last.id]), [["known", 8], ["bob", 4], ["old", 2]]);
  assert.equal(here.directory.unreadTotal.value, 2, "those of the one that is gone are not counted");
  const whole = scene({ pages: [[inList(4, 0)]] });
  whole.directory.restore([kept("old", 2)]);
  await whole.directory.load();
  assert.deepEqual(whole.rows().map(({ key }) => key), ["bob"], "this list was the whole of it");
});

test("what is unread below the first page is counted, and listed where it belongs", async () => {
  const of = (peer, id, unread) => ({ ...inList(id, unread), peer });
  const pages = [{ rows: [of("ann", 90, 1), of("bob", 80, 0)], next: "/more" }, { rows: [of("cid", 20, 2)], next: "/unread?2" }, [of("dan", 10, 4)]];
  const here = scene({ pages });
  await here.directory.load();
  await settle();
  assert.deepEqual(here.asked, [undefined, { limit: 200, unread: true, before: 80 }, { next: "/unread?2" }]);
  assert.deepEqual(here.rows().map(({ key, unread }) => [key, unread]), [["ann", 1], ["bob", 0], ["cid", 2], ["dan", 4]]);
  assert.equal(here.directory.unreadTotal.value, 7);
  assert.deepEqual([here.directory.more.value, here.directory.status.value], ["/more", "ready"], "the rest is still there to be asked for");
});

test("what is unread further down and comes after all was lost takes nothing away, nor does it hold up the new list", async () => {
  const late = held();
  const first = { rows: [{ ...inList(90, 1), peer: "ann" }, inList(80, 0)], next: "/more" };
  const here = scene({ pages: [first, late.page, first, [{ ...inList(20, 2), peer: "cid" }]] });
  const keys = () => here.rows().map(({ key }) => key);
  await here.directory.load();
  here.directory.reset();
  await here.directory.load();
  await settle();
  assert.deepEqual([keys(), here.asked.length], [["ann", "bob", "cid"], 4]);
  await late.give([{ ...inList(20, 2), peer: "dan" }]);
  assert.deepEqual([keys(), here.directory.unreadTotal.value], [["ann", "bob", "cid"], 3]);
  const later = held();
  const over = scene({ pages: [first, later.page] });
  await over.directory.load();
  over.directory.reset();
  await later.give([{ ...inList(20, 2), peer: "dan" }]);
  assert.deepEqual(over.rows().map(({ key }) => key), ["ann", "bob"], "they stand until the server has answered");
});

test("what is unread further down is asked for again when it fails; a list that leads to itself comes to an end", async () => {
  const here = scene({ pages: [{ rows: [inList(9, 0)], next: "/more" }, broken, { rows: [inList(9, 0)], next: "/more" }, [{ ...inList(2, 3), peer: "cid" }]] });
  await here.directory.load();
  await settle();
  assert.deepEqual([here.directory.status.value, here.directory.unreadTotal.value], ["ready", 0]);
  await here.clock.forward(AGAIN_MS);
  assert.equal(here.directory.unreadTotal.value, 3);
  const round = scene({ pages: Array.from({ length: 99 }, () => ({ rows: [inList(9, 0)], next: "/round" })) });
  await round.directory.load();
  await settle();
  assert.ok(round.asked.length < 99, "asked for ever");
  const nameless = scene({ pages: [{ rows: [{ peer: "bob" }], next: "/more" }] });
  await nameless.directory.load();
  assert.equal(nameless.asked.length, 1, "nothing says where the first page ends");
});

test("more blocked and muted people than a page holds are all known", async () => {
  const first = Array.from({ length: 500 }, (_, at) => ({ username: `b${at}` }));
  const here = scene({ pages: [[inList(6, 2)]], names: { "/api/blocks/": first, "/blocks": [{ username: "Last" }] }, after: { "/api/blocks/": "/blocks" } });
  await here.directory.load();
  await settle();
  assert.equal(here.directory.blocked.value.size, 501);
  assert.ok(here.directory.blocked.value.has("last"));
});

test("a message is counted once, whether the list or the message itself comes first", async () => {
  const listFirst = scene({ pages: [[inList(6, 2)]] });
  await listFirst.directory.load();
  assert.deepEqual([listFirst.row().unread, listFirst.directory.unreadTotal.value], [2, 2]);
  listFirst.live(theirs(6));
  assert.equal(listFirst.row().unread, 2);
  listFirst.live(theirs(7));
  assert.deepEqual([listFirst.row().unread, listFirst.row().last.id], [3, 7]);
  const liveFirst = scene({ pages: [[inList(6, 2)]] });
  liveFirst.live(theirs(6));
  assert.equal(liveFirst.row().unread, 1);
  await liveFirst.directory.load();
  assert.equal(liveFirst.row().unread, 2);
  const overtaken = scene({ pages: [[inList(6, 2)]] });
  overtaken.live(theirs(6), theirs(7));
  await overtaken.directory.load();
  assert.deepEqual([overtaken.row().unread, overtaken.row().last.id], [3, 7], "the list is older than what came by itself");
  assert.equal(overtaken.directory.unreadOf("bob"), 3);
});

test("the same list after the next connection counts nothing twice", async () => {
  const here = scene({ pages: [[inList(6, 2)], [inList(7, 3)], [inList(7, 0)]] });
  await here.directory.load();
  here.live(theirs(7));
  await here.directory.load();
  assert.equal(here.row().unread, 3);
  await here.directory.load();
  assert.equal(here.row().unread, 0);
});

test("what is read here, or on another device, is no longer unread; it is told once", async () => {
  const here = scene({ pages: [[inList(6, 2)]] });
  await here.directory.load();
  here.directory.read("Bob", 6);
  here.directory.read("bob", 5);
  here.directory.read("bob", 6);
  assert.deepEqual([here.row().unread, here.reads], [0, [["Bob", 6]]]);
  const elsewhere = scene({ pages: [[inList(6, 2)]] });
  await elsewhere.directory.load();
  elsewhere.live(theirs(7));
  elsewhere.seen.set("bob", 6);
  elsewhere.directory.refresh("bob");
  assert.equal(elsewhere.row().unread, 1);
  elsewhere.seen.set("bob", 7);
  elsewhere.directory.refresh("bob");
  assert.deepEqual([elsewhere.row().unread, elsewhere.directory.unreadTotal.value], [0, 0]);
});

test("notes to oneself are never unread", async () => {
  const here = scene({ pages: [[{ peer: "Alice", unread: 3, last_message: messageFor(4, "alice", "alice", "note") }]] });
  await here.directory.load();
  assert.equal(here.row("alice").unread, 0);
});

test("the last message that is deleted gives way to the one before, or the server is asked", async () => {
  const here = scene({ pages: [[inList(6, 0)], [inList(4, 0)]] });
  await here.directory.load();
  here.live(theirs(5), theirs(6));
  here.threads.set("bob", [theirs(5)]);
  here.directory.gone(6, "Bob");
  assert.deepEqual([here.row().last.id, here.asked.length], [5, 1]);
  here.threads.set("bob", []);
  here.directory.gone(5, "bob");
  assert.equal(here.row().last, null, "what is gone is not shown while the server is asked");
  await settle();
  assert.deepEqual([here.row().last.id, here.asked.length], [4, 2]);
  for (const [id, peer] of [["6", "bob"], [4, null], [4, "carol"], [1, "bob"]]) here.directory.gone(id, peer);
  assert.equal(here.asked.length, 2);
});

test("a list that was asked for before a deletion does not bring the message back", async () => {
  const early = held();
  const here = scene({ pages: [[inList(6, 0)], early.page, [inList(4, 0)]] });
  await here.directory.load();
  void here.directory.load();
  here.directory.gone(6, "bob");
  await early.give([inList(6, 0)]);
  assert.deepEqual([here.asked.length, here.row().last.id], [3, 4]);
});

test("a list that still has what was deleted before any list came is asked for again, once", async () => {
  const early = held();
  const here = scene({ pages: [early.page, [inList(4, 0)]] });
  void here.directory.load();
  here.directory.gone(6, "bob");
  await early.give([inList(6, 0)]);
  assert.deepEqual([here.asked.length, here.row().last.id], [2, 4]);
  const stubborn = scene({ pages: [[inList(6, 0)], [inList(6, 0)], [inList(6, 0)]] });
  stubborn.directory.gone(6, "bob");
  await stubborn.directory.load();
  await settle();
  assert.equal(stubborn.asked.length, 2);
});

test("an unread message that is deleted is not counted on", async () => {
  const here = scene({ pages: [[inList(9, 3)], [inList(9, 2)]] });
  await here.directory.load();
  here.directory.gone(8, "bob");
  await settle();
  assert.equal(here.row().unread, 2);
  here.seen.set("bob", 9);
  here.directory.gone(7, "bob");
  await settle();
  assert.equal(here.asked.length, 2, "of one that was read there is nothing to ask");
});

test("a last message that is known from the list alone is shown with its new text", async () => {
  const here = scene({ pages: [[inList(6, 1)]] });
  await here.directory.load();
  for (const said of [null, "x", { id: 6 }, messageFor(5, "bob", "alice", "another"), messageFor(6, "carol", "alice", "another's")]) here.directory.edited(said);
  assert.equal(here.row().last.content, "m6");
  here.directory.edited(messageFor(6, "bob", "alice", "mended"));
  assert.deepEqual([here.row().last.content, here.row().unread], ["mended", 1]);
});

test("a last message whose time is over is not shown on, also without the server's word", async () => {
  const expires = { expires_at: "2026-11-22T10:00:00.000Z" };
  const here = scene({ pages: [[inList(6, 0, { last_message: messageFor(6, "bob", "alice", "short", expires) })]] });
  await here.directory.load();
  here.live(theirs(5), theirs(6, expires));
  here.directory.refresh("bob");
  assert.equal(here.row().last.id, 6, "nobody knows the time yet");
  here.time = Date.parse(expires.expires_at);
  here.threads.set("bob", [theirs(5)]);
  here.directory.refresh("bob");
  assert.equal(here.row().last.id, 5);
  const alone = scene({ pages: [[inList(6, 0, { last_message: messageFor(6, "bob", "alice", "short", expires) })]] });
  await alone.directory.load();
  alone.time = Date.parse(expires.expires_at);
  alone.directory.refresh("bob");
  assert.equal(alone.row().last, null);
  await settle();
  assert.equal(alone.row(), undefined, "the server has nothing before it");
  const waiting = scene({ pages: [[inList(6, 0, { last_message: messageFor(6, "bob", "alice", "short", expires) })]] });
  await waiting.directory.load();
  waiting.time = Date.parse(expires.expires_at);
  waiting.live(pending);
  assert.deepEqual([waiting.row().last, waiting.row().pending.content], [null, "waits"]);
});

test("what waits to be sent is shown, with or without anything before it, and goes when it has gone out", async () => {
  const here = scene();
  here.live(pending);
  assert.deepEqual([here.row().last, here.row().pending.content, here.row().unread], [null, "waits", 0]);
  here.threads.set("bob", [own(9)]);
  here.directory.refresh("bob");
  assert.deepEqual([here.row().last.id, here.row().pending], [9, null]);
  here.threads.set("bob", [own(9), pending]);
  here.directory.refresh("bob");
  here.threads.set("bob", []);
  here.directory.refresh("bob");
  assert.deepEqual([here.row().last.id, here.row().pending], [9, null]);
});

test("a timer is shown also where no message is known here", async () => {
  const here = scene({ pages: [[inList(6, 0)]] });
  await here.directory.load();
  assert.equal(here.row().timer, null);
  here.timers.set("bob", 60);
  here.directory.refresh("bob");
  assert.equal(here.row().timer, 60);
});

test("who comes and goes is shown of those who are listed, with the day on which they were last there", async () => {
  const here = scene({ pages: [[inList(6, 0, { online: false, last_seen: "2026-11-20" })]] });
  await here.directory.load();
  assert.deepEqual([here.row().online, here.row().lastSeen], [false, "2026-11-20"]);
  here.directory.presence({ peer: "BOB", online: true });
  assert.deepEqual([here.row().online, here.row().lastSeen], [true, undefined]);
  here.directory.presence({ peer: "bob", online: false, last_seen: "2026-11-22" });
  assert.deepEqual([here.row().online, here.row().lastSeen], [false, "2026-11-22"]);
  for (const frame of [{ peer: 7, online: true }, { peer: "bob" }, { peer: "bob", online: "yes" }, { peer: "carol", online: true }]) here.directory.presence(frame);
  assert.deepEqual([here.row().online, here.rows().length], [false, 1]);
  // Without a connection nobody knows who is there; the day of who was not stays.
  here.directory.disconnected();
  assert.deepEqual([here.row().online, here.row().lastSeen], [false, "2026-11-22"]);
  here.directory.presence({ peer: "bob", online: true });
  here.directory.disconnected();
  assert.deepEqual([here.row().online, here.row().lastSeen], [undefined, undefined]);
});

test("what ends by itself is shown no longer than that, without a word of the server's, which is asked once for the one before", async () => {
  const ends = { expires_at: new Date(5_000).toISOString() };
  const over = { ...inList(6, 1), last_message: messageFor(6, "bob", "alice", "m6", ends) };
  const here = scene({ pages: [[over], [over], [inList(4, 0)]] });
  here.time = 0;
  await here.directory.load();
  await here.clock.forward(4_999);
  assert.equal(here.row().last.id, 6);
  here.time = 5_000;
  await here.clock.forward(1);
  // The server's clock may be behind: that is not asked about without end. Until it says more, the conversation stays.
  assert.deepEqual([here.row().last, here.row().unread, here.asked.length], [null, 0, 2]);
  here.directory.gone(6, "bob");
  await settle();
  assert.equal(here.row().last.id, 4);
  here.directory.stop();
  assert.deepEqual(here.clock.waits(), []);
});

test("a conversation that is in no list any more has nothing unread, although its messages were never known here", async () => {
  const here = scene({ pages: [{ rows: [inList(6, 3)], next: "more" }, [], { rows: [] }] });
  await here.directory.load();
  here.directory.gone(6, "bob");
  await settle();
  assert.deepEqual([here.row(), here.directory.unreadTotal.value, here.asked.length], [undefined, 0, 3]);
});

test("what was refused is shown before what waits", () => {
  const here = scene();
  const failed = { ...pending, client_id: "f", content: "refused", state: "failed" };
  here.live(own(4), failed, pending);
  assert.equal(here.row().pending.content, "refused");
  here.threads.set("bob", [own(4), pending]);
  here.directory.refresh("bob");
  assert.equal(here.row().pending.content, "waits");
});

test("blocks and mutes are loaded, and changed when the server has said yes; a muted conversation is in no total", async () => {
  const here = scene({
    pages: [[inList(6, 2), { peer: "Carol", unread: 1, last_message: messageFor(5, "carol", "alice", "x") }]],
    names: { "/api/blocks/": [{ username: "BOB" }, null, 7, {}], "/api/mutes/": [{ username: "carol" }] },
  });
  await here.directory.load();
  await settle();
  assert.deepEqual([here.row().blocked, here.row("carol").muted, here.directory.unreadTotal.value], [true, true, 2]);
  await here.directory.mute("carol", false);
  await here.directory.mute("Bob", true);
  await here.directory.block("bob", false);
  assert.deepEqual(here.called.slice(-3), ["DELETE /api/mutes/carol/", "PUT /api/mutes/Bob/", "DELETE /api/blocks/bob/"]);
  assert.deepEqual([here.row().blocked, here.row().muted, here.directory.unreadTotal.value], [false, true, 1]);
  here.directory.told("mute", "carol", true);
  here.directory.told("block", "BOB", true);
  here.directory.told("mute", "bob", false);
  assert.deepEqual([here.row().blocked, here.row().muted, here.row("carol").muted], [true, false, true]);
  const refused = scene({ names: { "/api/blocks/bob/": broken } });
  await assert.rejects(refused.directory.block("bob", true), { status: 503 });
  assert.equal(refused.directory.blocked.value.size, 0);
});

test("what was asked for before something was done is asked for again", async () => {
  const lists = [held(), held()];
  const here = scene({ pages: [[inList(6, 2)]], names: { get "/api/mutes/"() { return lists[0].page; } } });
  const calls = () => here.called.filter((one) => one.startsWith("GET /api/mutes/")).length;
  await here.directory.load();
  here.directory.told("mute", "bob", true);
  await lists.shift().give([]);
  assert.deepEqual([calls(), here.row().muted], [2, true]);
  await lists[0].give([{ username: "bob" }]);
  assert.deepEqual([calls(), here.row().muted], [2, true]);
});

test("names of people go into a path as one part of it", async () => {
  const here = scene();
  await here.directory.block("a/../b?", true);
  assert.deepEqual(here.called, ["PUT /api/blocks/a%2F..%2Fb%3F/"]);
});

test("a server that answers garbage breaks no list", async () => {
  for (const garbage of [[null, 7, "x", {}, { peer: null }, { peer: "bob", last_message: { id: 3, content: "no sender" } }], ["<html>"]]) {
    const here = scene({ pages: [[...garbage, inList(6, 2, { peer: "carol", last_message: messageFor(6, "carol", "alice", "x") })]], names: { "/api/blocks/": "<html>", "/api/mutes/": [null] } });
    await here.directory.load();
    await settle();
    assert.deepEqual([here.directory.status.value, here.rows().map(({ key }) => key)], ["ready", ["carol"]]);
  }
});

test("a list that does not come says so when nothing is known, and is asked for again", async () => {
  const here = scene({ pages: [broken, [inList(6, 1)], broken] });
  await here.directory.load();
  assert.equal(here.directory.status.value, "failed");
  const again = here.directory.load();
  assert.equal(here.directory.status.value, "loading");
  await again;
  assert.equal(here.directory.status.value, "ready");
  await here.directory.load();
  assert.deepEqual([here.directory.status.value, here.rows().length], ["ready", 1], "what was there stays there");
  const given = scene({ pages: [new Problem("aborted")] });
  await given.directory.load();
  assert.equal(given.directory.status.value, "loading");
});

test("calls for the list share the one that is under way", async () => {
  const one = held();
  const here = scene({ pages: [one.page] });
  const both = Promise.all([here.directory.load(), here.directory.load()]);
  await one.give([inList(6, 1)]);
  await both;
  assert.equal(here.asked.length, 1);
});

test("further pages are added below, one at a time; one that fails may be asked for again", async () => {
  const carol = { peer: "carol", unread: 1, last_message: messageFor(2, "carol", "alice", "x") };
  const here = scene({ pages: [{ rows: [inList(6, 0)], next: "/api/p2" }, [], broken, { rows: [null, carol], next: null }] });
  await here.directory.load();
  assert.equal(here.directory.more.value, "/api/p2");
  const first = here.directory.loadMore();
  void here.directory.loadMore();
  await first;
  assert.deepEqual([here.directory.moreStatus.value, here.asked.length], ["failed", 3]);
  await here.directory.loadMore();
  assert.deepEqual(here.asked.at(-1), { next: "/api/p2" });
  assert.deepEqual([here.rows().map(({ key }) => key), here.directory.more.value, here.directory.moreStatus.value], [["bob", "carol"], null, "ready"]);
  await here.directory.loadMore();
  assert.equal(here.asked.length, 4);
});

test("what an earlier visit has kept is shown until the server answers, and nothing of it twice", async () => {
  const before = scene({ pages: [[inList(6, 2), { peer: "carol", unread: 0, last_message: messageFor(3, "carol", "alice", "x") }]] });
  await before.directory.load();
  const kept = structuredClone(before.saved.at(-1)());
  const here = scene({ pages: [[inList(8, 4)]] });
  here.threads.set("bob", [theirs(7)]);
  here.directory.restore([...kept, null, 7, { peer: "dave" }, { peer: "eve", base: { upTo: 1, unread: -1 } }, { peer: "Fay", key: 9, last: "x", base: { upTo: 0, unread: 0 } }]);
  assert.deepEqual([here.directory.status.value, here.rows().map(({ key }) => key), here.row().unread, here.row().last.id], ["known", ["bob", "carol"], 3, 7]);
  await here.directory.load();
  assert.deepEqual([here.directory.status.value, here.row().unread, here.row().last.id], ["ready", 4, 8]);
  const late = scene({ pages: [[inList(8, 4)]] });
  await late.directory.load();
  late.directory.restore(kept);
  assert.deepEqual([late.directory.status.value, late.row().last.id, late.row().unread], ["ready", 8, 4], "what is known by now holds");
  const nothing = scene();
  nothing.directory.restore([]);
  assert.equal(nothing.directory.status.value, "loading");
});

test("a failure with what was kept on the screen is told, and leaves it there", async () => {
  const here = scene({ pages: [broken] });
  here.directory.restore([{ key: "bob", peer: "bob", last: messageFor(6, "bob", "alice", "x"), base: { upTo: 6, unread: 0 } }]);
  await here.directory.load();
  assert.equal(here.rows().length, 1);
});

test("after a reset the rows stand until the server answers, and then show only what it says", async () => {
  const here = scene({ pages: [[inList(9, 3), { peer: "carol", unread: 1, last_message: messageFor(8, "carol", "alice", "deleted since") }], { rows: [inList(4, 1)], next: "/api/p2" }] });
  await here.directory.load();
  here.directory.read("bob", 9);
  here.threads.clear();
  here.directory.reset();
  assert.deepEqual([here.rows().length, here.directory.status.value], [2, "known"]);
  await here.directory.load();
  assert.deepEqual(here.rows().map(({ key, last }) => [key, last.id]), [["bob", 4]]);
  assert.deepEqual([here.row().unread, here.directory.unreadTotal.value, here.directory.more.value], [1, 1, "/api/p2"]);
});

test("a conversation is there once it is opened, and listed once something is in it; a dropped one is gone with its count", async () => {
  const here = scene({ pages: [[inList(6, 2)]] });
  await here.directory.load();
  const row = here.directory.rowWith("Dave");
  assert.deepEqual([row.key, here.directory.rowWith("DAVE"), here.rows().length], ["dave", row, 1]);
  here.drafts.value = new Map([["dave", { peer: "Dave", text: "hm" }]]);
  assert.deepEqual([here.rows().length, here.row("dave").draft], [2, "hm"]);
  here.directory.drop("bob");
  assert.deepEqual([here.row(), here.directory.unreadTotal.value], [undefined, 0]);
});

test("after the stop nothing that was under way changes anything", async () => {
  const one = held();
  const here = scene({ pages: [one.page, broken] });
  const loading = here.directory.load();
  here.directory.stop();
  await one.give([inList(6, 2)]);
  await loading;
  assert.deepEqual([here.rows(), here.directory.status.value], [[], "loading"]);
  await here.directory.load();
  assert.equal(here.directory.status.value, "loading");
});

test("what has failed on a connection that stands is asked for again by itself, as late as the server asks", async () => {
  const here = scene({ pages: [new Problem("problem", { status: 429, code: "too_many_requests", retryAfter: 60 }), { rows: [inList(6, 2)] }] });
  await here.directory.load();
  assert.equal(here.directory.status.value, "failed");
  await here.clock.forward(59_000);
  assert.equal(here.directory.status.value, "failed");
  await here.clock.forward(1_000);
  assert.deepEqual([here.directory.status.value, here.row().unread, here.clock.waits()], ["ready", 2, []]);
  assert.ok(AGAIN_MS < 60_000);
});
