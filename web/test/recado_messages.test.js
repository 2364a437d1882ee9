/* The library's log, messages and outbox: once, in order, whatever happens in between. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../recado.js";
import { createBook, messageOf } from "../recado/book.js";
import { nextOf } from "../recado/calls.js";
import { createLog } from "../recado/log.js";
import { answer, messageFor, refusal, scene, settle } from "./server.js";

const incoming = (position, id, content, more) => ({ type: "message", position, message: messageFor(id, "bob", "alice", content, more) });
const sent = ({ client_id: clientId, recipient, content }, position, id, more = {}) => ({
  type: "sent", client_id: clientId, ref: clientId, position, duplicate: false,
  message: messageFor(id, "alice", recipient, content, { client_id: clientId }), ...more,
});
const texts = (client, peer = "bob") => client.messages(peer).map(({ content }) => content);
const states = (client, peer = "bob") => client.messages(peer).map(({ state }) => state);
const shuffled = (list, random) => list.map((one) => [random(), one]).sort(([one], [other]) => one - other).map(([, one]) => one);
const chance = (seed) => () => ((seed = (seed * 48_271) % 2_147_483_647) - 1) / 2_147_483_646;

test("whatever the order and however often frames come, each position is told once and in order", () => {
  for (let seed = 1; seed < 60; seed += 1) {
    const random = chance(seed);
    const log = createLog();
    log.begin(10, "e");
    const frames = Array.from({ length: 40 }, (_, at) => ({ type: at % 3 ? "message" : "of the future", position: at + 11 }));
    const told = shuffled([...frames, ...frames.slice(0, 20)], random).flatMap((frame) => log.take(frame));
    assert.deepEqual(told.map(({ position }) => position), frames.map(({ position }) => position));
    assert.equal(log.behind, false);
    assert.equal(log.waiting, 0);
  }
});

test("a position that is none is no event", () => {
  const log = createLog();
  log.begin(0, "e");
  for (const position of [0, -1, 1.5, "1", null, undefined, 2 ** 53, Infinity]) assert.deepEqual(log.take({ type: "message", position }), []);
  for (const type of ["welcome", "heartbeat", "pong", "bye", "error", "typing"]) assert.deepEqual(log.take({ type, position: 1 }), []);
  assert.equal(log.cursor.position, 0);
});

test("of two copies the one that was edited later holds, and what is gone stays gone, whichever came first", () => {
  const first = messageFor(1, "bob", "alice", "one");
  const second = { ...first, content: "two", edited_at: "2026-11-22T09:01:00.000Z" };
  const third = { ...first, content: "three", edited_at: "2026-11-22T09:02:00.000Z" };
  for (const order of [[first, second, third], [third, second, first], [second, third, first], [third, first, second]]) {
    const book = createBook();
    book.me = "alice";
    for (const copy of order) book.merge([copy]);
    assert.deepEqual(book.messages("bob").map(({ content }) => content), ["three"]);
    book.apply({ type: "deleted", id: 1, peer: "bob" });
    book.merge([third]);
    assert.deepEqual(book.messages("bob"), []);
  }
  const late = createBook();
  late.me = "alice";
  late.apply({ type: "edited", message: third });
  assert.deepEqual(late.messages("bob"), [], "an edit of what is not known makes no hole");
  late.merge([first]);
  assert.equal(late.messages("bob")[0].content, "three");
});

test("a repeat of an old message is not put below a hole", () => {
  const old = messageFor(3, "alice", "bob", "old");
  const book = createBook();
  book.me = "alice";
  assert.equal(book.settle(old, true), null);
  book.merge([messageFor(9, "bob", "alice", "new")]);
  assert.equal(book.settle(old, true), null);
  assert.notEqual(book.settle(old, false), null);
  assert.equal(book.messages("bob").length, 2);
});

test("only rel=next of this server's paths is followed, on this server", () => {
  assert.equal(nextOf('<http://proxy.internal/api/x/?limit=5&before=3>; rel="next"'), "/api/x/?limit=5&before=3");
  assert.equal(nextOf('</api/x/?a=1>; rel="prev", </api/x/?a=2>; rel="next"'), "/api/x/?a=2");
  for (const link of ['<https://evil.example/steal>; rel="next"', '</api/x/>; rel="prev"', "", null]) assert.equal(nextOf(link), null);
});

test("people may be called like a part of the language", () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    const book = createBook();
    book.me = "alice";
    book.merge([messageFor(1, name, "alice", "hi")]);
    assert.equal(book.messages(name.toLowerCase()).length, 1);
  }
});

test("what is no message is left out", () => {
  for (const said of [null, "x", 7, [], {}, { id: 1 }, messageFor("1", "a", "b", "c"), messageFor(1, "a", "b", ""), messageFor(1, 2, "b", "c")]) {
    assert.equal(messageOf(said), null);
  }
});

test("early events wait for the gap below them, and the kept position never passes it", async () => {
  const { client, live, told, store } = scene();
  const socket = await live();
  await socket.tell(incoming(3, 3, "c"), incoming(1, 1, "a"), incoming(4, 4, "d"), incoming(1, 1, "a"));
  assert.deepEqual(told("message").map(({ content }) => content), ["a"]);
  assert.equal((await store.get("cursor")).position, 1);
  assert.equal(client.upToDate, false);
  await socket.tell(incoming(2, 2, "b"), incoming(3, 3, "c"));
  assert.deepEqual(told("message").map(({ content }) => content), ["a", "b", "c", "d"]);
  assert.deepEqual(await store.get("cursor"), { position: 4, epoch: "e1", began: 0 });
  assert.equal(client.upToDate, true);
});

test("a gap that stays leads to a resume from the kept position, whatever else goes on", async () => {
  const { clock, live, sockets } = scene();
  const socket = await live();
  await socket.tell(incoming(1, 1, "a"));
  await socket.tell({ type: "heartbeat", position: 5 });
  for (let position = 3; position < 6; position += 1) {
    await clock.forward(3_000);
    await socket.tell(incoming(position, position, "later"));
  }
  assert.equal(sockets.length, 1);
  await clock.forward(1_000 + 1_000);
  await sockets[1].open();
  assert.equal(sockets[1].said[0].position, 1);
});

test("frames of a newer server, and rubbish, are passed over", async () => {
  const { client, live, told } = scene();
  const socket = await live();
  await socket.tell("<html>", "[]", "null", "7", '{"type":1}', { type: "sparkle", glitter: true }, { type: "poll", position: 1 }, { type: "unknown", position: 2 });
  await socket.tell({ type: "message", position: 3, message: { id: "no" } }, { type: "receipt", position: 4 }, { type: "deleted", position: 5 }, incoming(6, 1, "still here"));
  assert.deepEqual(texts(client), ["still here"]);
  assert.equal(client.cursor.position, 6);
  assert.deepEqual(told("event").map(({ type }) => type), ["poll", "unknown", "message", "receipt", "deleted", "message"]);
});

test("acknowledgements are merged, and made only of what is stored", async () => {
  const store = memoryStore();
  const { client, clock, live, told } = scene({ store });
  const socket = await live();
  for (let position = 1; position < 20; position += 1) await socket.tell(incoming(position, position, "x"));
  await clock.forward(250);
  assert.deepEqual(socket.of("ack"), [{ type: "ack", position: 19 }]);
  const { write } = store;
  store.write = async () => Promise.reject(new Error("the disk is full"));
  await socket.tell(incoming(20, 20, "not stored"));
  await clock.forward(1000);
  assert.equal(socket.of("ack").length, 1);
  await client.send("bob", "sent all the same");
  assert.equal(socket.of("send").length, 1);
  assert.deepEqual(told("fault").map(({ code }) => code), ["storage", "storage"]);
  store.write = write;
  await socket.tell(incoming(21, 21, "stored again"));
  await clock.forward(1000);
  assert.equal((await store.get("cursor")).position, 21);
});

test("a reset begins anew, and keeps what waits to be sent", async () => {
  const { client, live, back, welcome, told, store } = scene();
  const socket = await live({ position: 5 });
  await socket.tell(incoming(6, 1, "old"));
  await client.send("bob", "waiting");
  await back();
  const next = await welcome({ position: 2, epoch: "e2", outcome: "reset" });
  assert.deepEqual(told("reset"), [{ first: true }, { first: false }]);
  assert.deepEqual(texts(client), ["waiting"]);
  assert.deepEqual(await store.get("cursor"), { position: 2, epoch: "e2", began: 2 });
  assert.equal(next.of("send").length, 1);
  await next.tell(incoming(3, 9, "new"));
  assert.deepEqual(texts(client), ["new", "waiting"]);
});

test("a position that the log has outlived is a reset, also in the same epoch", async () => {
  const { live, back, welcome, told, client } = scene();
  await live({ position: 5 });
  await back();
  await welcome({ position: 900, outcome: "reset" });
  assert.equal(told("reset").length, 2);
  assert.equal(client.cursor.position, 900);
});

test("a page of history that a reset has overtaken is left out", async () => {
  let answered;
  const { client, live, back, welcome } = scene({ answers: { "GET /api/auth/messages/": () => new Promise((resolve) => (answered = resolve)) } });
  await live({ position: 5 });
  const page = client.history("bob");
  await settle();
  await back();
  await welcome({ position: 1, epoch: "e2", outcome: "reset" });
  answered(answer(200, [messageFor(1, "bob", "alice", "of another life")]));
  assert.equal(await page, true);
  assert.deepEqual(texts(client), []);
});

test("an outcome that is not known, with another epoch, is a reset", async () => {
  const { live, back, welcome, told } = scene();
  await live({ position: 5 });
  await back();
  await welcome({ position: 1, epoch: "e2", outcome: "reborn" });
  assert.equal(told("reset").length, 2);
});

test("edits, deletions, ends and receipts change what is shown", async () => {
  const { client, live } = scene();
  const socket = await live();
  await client.send("bob", "mine");
  const [said] = socket.of("send");
  assert.deepEqual(states(client), ["sending"]);
  await socket.tell(sent(said, 1, 1));
  assert.deepEqual(states(client), ["sent"]);
  await socket.tell({ type: "receipt", position: 2, kind: "delivered", by: "Bob", peer: "Bob", up_to: 1 });
  assert.deepEqual(states(client), ["delivered"]);
  await socket.tell({ type: "receipt", position: 3, kind: "read", by: "bob", peer: "bob", up_to: 1 });
  await socket.tell({ type: "receipt", position: 4, kind: "delivered", by: "bob", peer: "bob", up_to: 0 });
  assert.deepEqual(states(client), ["read"]);
  await socket.tell({ type: "edited", position: 5, message: messageFor(1, "alice", "bob", "mended", { edited_at: "2026-11-22T10:00:00.000Z" }) });
  assert.deepEqual(texts(client), ["mended"]);
  await socket.tell(incoming(6, 2, "theirs"), { type: "receipt", position: 7, kind: "read", by: "alice", peer: "bob", up_to: 2 });
  assert.deepEqual(states(client), ["read", "read"]);
  assert.deepEqual(client.marks("bob"), { delivered: 1, read: 1, seen: 2 });
  await socket.tell({ type: "deleted", position: 8, id: 1, peer: "bob" }, { type: "expired", position: 9, id: 2, peer: "bob" });
  assert.deepEqual(texts(client), []);
});

test("the device's clock has no part in the end of a message: the server's time hides it, also while offline", async () => {
  const store = memoryStore();
  const date = "Sun, 22 Nov 2026 09:00:00 GMT"; // of every answer of this server
  const { client, clock, live } = scene({ store, answers: { "GET /api/conversations/": () => answer(200, [], { Date: date }) } });
  const socket = await live({ heartbeat_seconds: 600 });
  assert.equal(client.serverNow(), null);
  await socket.tell(incoming(1, 1, "soon gone", { expires_at: "2026-11-22T09:00:30.000Z" }));
  await clock.forward(60_000);
  assert.deepEqual(texts(client), ["soon gone"], "nobody has said what time it is");
  await client.conversations();
  assert.equal(client.serverNow(), Date.parse(date));
  await socket.tell(incoming(2, 2, "stays"));
  let changes = 0;
  client.on("thread", () => (changes += 1));
  await clock.forward(29_999);
  assert.deepEqual(texts(client), ["soon gone", "stays"]);
  await clock.forward(1);
  assert.deepEqual(texts(client), ["stays"]);
  assert.equal(changes, 1);
});

test("a page of history is merged below what is known, and goes on where it ended", async () => {
  const pages = [
    answer(200, [messageFor(5, "bob", "alice", "five"), messageFor(4, "alice", "bob", "four")], { Link: '</api/auth/messages/?with=bob&before=4&limit=2>; rel="next"' }),
    answer(200, [messageFor(3, "bob", "alice", "three")]),
  ];
  const { client, live, calls } = scene({ answers: { "GET /api/auth/messages/": () => pages.shift() } });
  const socket = await live({ position: 5 });
  await socket.tell(incoming(6, 6, "six"));
  assert.equal(await client.history("Bob", { limit: 2 }), true);
  assert.equal(await client.history("bob"), false);
  assert.equal(await client.history("bob"), false);
  assert.deepEqual(texts(client), ["three", "four", "five", "six"]);
  assert.deepEqual(calls("GET /api/auth/messages/").map(({ search }) => search), ["?with=Bob&limit=2&before=6", "?with=bob&before=4&limit=2"]);
});

test("a page that comes after a deletion does not bring the message back", async () => {
  let answered;
  const { client, live } = scene({ answers: { "GET /api/auth/messages/": () => new Promise((resolve) => (answered = resolve)) } });
  const socket = await live({ position: 5 });
  const page = client.history("bob");
  await settle();
  await socket.tell({ type: "deleted", position: 6, id: 2, peer: "bob" });
  answered(answer(200, [messageFor(2, "bob", "alice", "taken back"), messageFor(1, "bob", "alice", "stays")]));
  await page;
  assert.deepEqual(texts(client), ["stays"]);
});

test("messages written offline survive a reload and go out once, in order, one at a time for each person", async () => {
  const store = memoryStore();
  const before = scene({ store });
  await before.live();
  await before.last().end();
  const written = [];
  for (const [peer, text] of [["bob", "b1"], ["carol", "c1"], ["bob", "b2"], ["bob", "b3"]]) written.push(await before.client.send(peer, text));
  assert.deepEqual(texts(before.client), ["b1", "b2", "b3"]);
  before.client.stop();

  const after = scene({ store });
  await after.client.resume();
  assert.deepEqual(texts(after.client), ["b1", "b2", "b3"]);
  const socket = await after.welcome({ outcome: "recovered" });
  const sends = () => socket.of("send").map(({ content }) => content);
  assert.deepEqual(sends(), ["b1", "c1"]);
  assert.deepEqual(socket.of("send").map(({ client_id }) => client_id), [written[0], written[1]]);
  await socket.tell(sent(socket.of("send")[1], 1, 1), sent(socket.of("send")[0], 2, 2));
  await socket.tell(sent(socket.of("send")[2], 3, 3));
  await socket.tell(sent(socket.of("send")[3], 4, 4));
  assert.deepEqual(sends(), ["b1", "c1", "b2", "b3"]);
  assert.deepEqual(states(after.client), ["sent", "sent", "sent"]);
  assert.deepEqual(await store.list("outbox/"), []);
  assert.equal(after.client.unsent, 0);
});

test("a message is in the store before its first try", async () => {
  const store = memoryStore();
  const { write } = store;
  let let_go;
  const { client, live } = scene({ store });
  const socket = await live();
  store.write = async (changes) => {
    await new Promise((resolve) => (let_go = resolve));
    return write(changes);
  };
  const written = client.send("bob", "first stored");
  assert.deepEqual(states(client), ["sending"]);
  await socket.tell({ type: "heartbeat", position: 0 });
  assert.deepEqual(socket.of("send"), []);
  store.write = write;
  let_go();
  await written;
  assert.equal(socket.of("send").length, 1);
});

test("a lost answer is met by the same client_id again, and the message is there once", async () => {
  const { client, live, back, welcome } = scene();
  const socket = await live();
  await client.send("bob", "did you get this?");
  await back();
  const next = await welcome({ position: 1, outcome: "recovered" });
  assert.deepEqual(next.of("send"), socket.of("send"));
  const [said] = next.of("send");
  await next.tell(sent(said, 1, 1, { duplicate: true }), { type: "message", position: 1, message: sent(said, 1, 1).message });
  assert.deepEqual(texts(client), ["did you get this?"]);
  assert.equal(client.unsent, 0);
});

test("one's own message that comes back as an event is out of the outbox; another person's client_id settles nothing", async () => {
  const { client, live } = scene();
  const socket = await live();
  await client.send("bob", "mine");
  const [{ client_id: clientId }] = socket.of("send");
  await socket.tell(incoming(1, 1, "forged", { client_id: clientId }));
  assert.equal(client.unsent, 1);
  await socket.tell({ type: "message", position: 2, message: messageFor(2, "alice", "bob", "mine", { client_id: clientId }) });
  assert.equal(client.unsent, 0);
  assert.deepEqual(texts(client), ["forged", "mine"]);
});

test("a repeat of something that has ended meanwhile is settled and shows nothing", async () => {
  const { client, live } = scene();
  const socket = await live({ position: 9 });
  await client.send("bob", "of yesterday");
  const [said] = socket.of("send");
  await socket.tell({ ...sent(said, 3, 1, { duplicate: true }), message: messageFor(1, "alice", "bob", "", { client_id: said.client_id }) });
  assert.deepEqual(texts(client), []);
  assert.equal(client.unsent, 0);
});

test("each refusal for good fails the message, lets the next one go, and can be tried again or given up", async () => {
  for (const code of ["invalid", "forbidden", "not_found", "conflict", "too_large"]) {
    const { client, live, told, store } = scene();
    const socket = await live();
    const [first] = [await client.send("bob", "bad"), await client.send("bob", "good")];
    await socket.tell({ type: "error", code, detail: "No.", ref: first });
    assert.deepEqual(told("failed"), [{ client_id: first, peer: "bob", problem: { code, detail: "No." } }]);
    assert.equal((await store.get(`outbox/${first}`)).state, "failed");
    assert.deepEqual(socket.of("send").map(({ content }) => content), ["bad", "good"]);
    await socket.tell(sent(socket.of("send")[1], 1, 1));
    assert.deepEqual(states(client), ["sent", "failed"]);
    assert.equal(await client.retry(first), true);
    assert.deepEqual(states(client), ["sent", "sending"]);
    assert.equal(socket.of("send")[2].client_id, first);
    assert.equal(await client.discard(first), false, "it may be arriving");
    await socket.tell({ type: "error", code, detail: "No.", ref: first });
    assert.equal(await client.discard(first), true);
    assert.deepEqual(states(client), ["sent"]);
    assert.deepEqual(await store.list("outbox/"), []);
  }
});

test("a refusal for now holds the conversation for as long as the server says, and keeps its order", async () => {
  for (const [code, more, wait] of [["too_many_requests", { retry_after: 3.5 }, 3500], ["unavailable", { retry_after: 1 }, 1000], ["internal", {}, 1000], ["of_the_future", {}, 1000]]) {
    const { client, clock, live } = scene();
    const socket = await live();
    const first = await client.send("bob", "one");
    await client.send("bob", "two");
    await socket.tell({ type: "error", code, detail: "Later.", ref: first, ...more });
    await clock.forward(wait - 1);
    await socket.tell({ type: "heartbeat", position: 0 });
    assert.equal(socket.of("send").length, 1, code);
    await clock.forward(1);
    assert.deepEqual(socket.of("send").map(({ content }) => content), ["one", "one"]);
  }
});

test("a message at which the server fails again and again does not hold up the rest for ever", async () => {
  const { client, clock, live } = scene();
  const socket = await live({ heartbeat_seconds: 600 });
  const first = await client.send("bob", "poison");
  await client.send("bob", "good");
  for (let turn = 0; turn < 8; turn += 1) {
    await socket.tell({ type: "error", code: "internal", detail: "Oh.", ref: first });
    await clock.forward(30_000);
  }
  assert.deepEqual(states(client), ["failed", "sending"]);
  assert.equal(socket.of("send").at(-1).content, "good");
});

test("a refused token is renewed and the message goes again", async () => {
  const { client, clock, live, calls } = scene();
  const socket = await live();
  const first = await client.send("bob", "one");
  await socket.tell({ type: "error", code: "unauthenticated", detail: "Ended.", ref: first });
  assert.equal(calls("POST /api/auth/refresh/").length, 1);
  assert.equal(socket.of("auth").length, 1);
  await clock.forward(1000);
  assert.equal(socket.of("send").length, 2);
});

test("an answer that does not come brings a new connection", async () => {
  const { client, clock, live, sockets } = scene();
  await live({ heartbeat_seconds: 600 });
  await client.send("bob", "hello?");
  await clock.forward(31_000);
  assert.equal(sockets.length, 2);
});

test("a frame too large for the server is found, fails, and the connection comes back without it", async () => {
  const { client, live, back, welcome } = scene();
  await live();
  await client.send("bob", "x".repeat(1000));
  await client.send("carol", "short");
  await back(1009);
  const next = await welcome({ outcome: "recovered" });
  assert.deepEqual(states(client), ["failed"]);
  assert.deepEqual(next.of("send").map(({ content }) => content), ["short"]);
});

test("after being closed for haste it sends one at a time", async () => {
  const { client, live, back, welcome } = scene();
  const socket = await live();
  for (const peer of ["bob", "carol", "dave"]) await client.send(peer, "hi");
  assert.equal(socket.of("send").length, 3);
  await back(4429);
  const next = await welcome({ outcome: "recovered" });
  assert.equal(next.of("send").length, 1);
  await next.tell(sent(next.of("send")[0], 1, 1));
  assert.equal(next.of("send").length, 2);
});

test("what was never on its way can be given up", async () => {
  const { client, live, welcome, sockets, clock } = scene();
  await live();
  await sockets[0].end();
  const clientId = await client.send("bob", "never mind");
  assert.equal(await client.discard(clientId), true);
  await clock.forward(1000);
  const next = await welcome({ outcome: "recovered" });
  assert.deepEqual(next.of("send"), []);
});

/** A store that is slow to put messages into the outbox, from `hold` to `go`; it deletes at once. */
const slowStore = (store) => {
  let held = null;
  let go = null;
  const isPut = ([key, value]) => key.startsWith("outbox/") && value !== undefined;
  return {
    ...store,
    write: async (changes) => {
      if (changes.some(isPut)) await held;
      return store.write(changes);
    },
    hold: () => (held = new Promise((resolve) => (go = resolve))),
    go: () => go(),
  };
};

test("what waits is known after a reload as never on its way, until it may have been", async () => {
  const store = memoryStore();
  const before = scene({ store });
  await before.live();
  await before.last().end();
  const [never, later] = [await before.client.send("bob", "never mind"), await before.client.send("bob", "later")];
  before.client.stop();

  const after = scene({ store });
  await after.client.resume();
  assert.equal(await after.client.discard(never), true);
  const socket = await after.welcome({ outcome: "recovered" });
  assert.deepEqual(socket.of("send").map(({ content }) => content), ["later"]);
  await after.client.send("bob", "live");
  after.client.stop();

  const again = scene({ store });
  await again.client.resume();
  const [waiting, live] = again.client.messages("bob");
  assert.deepEqual([waiting.client_id, waiting.content, live.content], [later, "later", "live"]);
  for (const { client_id: clientId } of [waiting, live]) assert.equal(await again.client.discard(clientId), false, "it may have arrived");
});

test("what waited goes out when the store has said so, before what was written after it", async () => {
  const store = memoryStore();
  const slow = slowStore(store);
  const { client, clock, live, welcome, last } = scene({ store: slow });
  await live();
  await last().end();
  const first = await client.send("bob", "one");
  slow.hold();
  await clock.forward(1000);
  const socket = await welcome({ outcome: "recovered" });
  void client.send("bob", "two");
  await settle();
  assert.deepEqual(socket.of("send"), []);
  slow.go();
  await settle();
  await settle();
  assert.deepEqual(socket.of("send").map(({ client_id: clientId }) => clientId), [first]);
  assert.equal((await store.list("outbox/")).some(([, { waits }]) => waits), false);
  await socket.tell(sent(socket.of("send")[0], 1, 1));
  assert.deepEqual(socket.of("send").map(({ content }) => content), ["one", "two"]);
});

test("what is given up while it is being stored does not come back with a reload", async () => {
  const store = memoryStore();
  const slow = slowStore(store);
  const { client, clock, live, welcome, last } = scene({ store: slow });
  await live();
  await last().end();
  const clientId = await client.send("bob", "never mind");
  slow.hold();
  await clock.forward(1000);
  const socket = await welcome({ outcome: "recovered" });
  assert.equal((await store.list("outbox/"))[0][1].waits, true, "it is being said to the store that it goes out");
  assert.equal(await client.discard(clientId), true);
  slow.go();
  await settle();
  await settle();
  assert.deepEqual([socket.of("send"), await store.list("outbox/")], [[], []]);
});

test("a lifetime goes with the message", async () => {
  const { client, live } = scene();
  const socket = await live();
  await client.send("bob", "for a minute", { ttlSeconds: 60 });
  assert.equal(socket.of("send")[0].ttl_seconds, 60);
});

test("a reply names what it quotes from the outbox on: over a reload, on the way, and in what comes back", async () => {
  const store = memoryStore();
  const before = scene({ store });
  await before.live();
  await before.last().end();
  const clientId = await before.client.send("bob", "yes", { replyTo: 7 });
  await before.client.send("bob", "and more", { replyTo: null });
  const named = ({ client }) => client.messages("bob").map(({ reply_to }) => reply_to);
  assert.deepEqual(named(before), [7, undefined]);
  before.client.stop();

  const after = scene({ store });
  await after.client.resume();
  assert.deepEqual(named(after), [7, undefined]);
  const socket = await after.welcome({ outcome: "recovered" });
  assert.deepEqual(socket.of("send"), [{ type: "send", client_id: clientId, recipient: "bob", content: "yes", reply_to: 7, ref: clientId }]);
  const stored = messageFor(9, "alice", "bob", "yes", { client_id: clientId, reply_to: 7 });
  await socket.tell(sent(socket.of("send")[0], 1, 9, { message: stored }));
  assert.equal("reply_to" in socket.of("send")[1], false);
  assert.deepEqual(named(after), [7, undefined]);
  assert.equal((await store.list("message/"))[0][1].reply_to, 7);
});

test("a reply to what is gone is refused for that, and goes out by itself when it is tried again", async () => {
  const { client, live, told, store } = scene();
  const socket = await live();
  const clientId = await client.send("bob", "yes", { replyTo: 7 });
  await socket.tell({ type: "error", code: "invalid", detail: "No such message.", field: "reply_to", ref: clientId });
  assert.deepEqual(told("failed")[0].problem, { code: "invalid", detail: "No such message.", field: "reply_to" });
  assert.equal(client.messages("bob")[0].reply_to, 7);
  assert.equal(await client.retry(clientId), true);
  assert.deepEqual(socket.of("send")[1], { type: "send", client_id: clientId, recipient: "bob", content: "yes", ref: clientId });
  assert.equal("reply_to" in (await store.get(`outbox/${clientId}`)), false);

  const other = await client.send("carol", "no", { replyTo: 8 });
  await socket.tell({ type: "error", code: "forbidden", detail: "No.", ref: other });
  await client.retry(other);
  assert.equal(socket.of("send").at(-1).reply_to, 8, "of any other refusal it goes out as it was");
});

test("reads are merged, told again after a loss, and forgotten once they are known", async () => {
  const { client, clock, live, back, welcome, store } = scene();
  const socket = await live();
  await socket.tell(incoming(1, 1, "a"), incoming(2, 2, "b"));
  client.read("bob", 1);
  client.read("Bob", 2);
  client.read("bob", 1);
  assert.equal(client.marks("bob").seen, 2, "read is read, told or not");
  const reloaded = scene({ store });
  await reloaded.client.resume();
  assert.equal(reloaded.client.marks("bob").seen, 2);
  reloaded.client.stop();
  await clock.forward(300);
  assert.deepEqual(socket.of("read"), [{ type: "read", peer: "Bob", up_to: 2, ref: "read:bob" }]);
  await back();
  const next = await welcome({ position: 2, outcome: "recovered" });
  await clock.forward(300);
  assert.equal(next.of("read").length, 1);
  await next.tell({ type: "receipt", position: 3, kind: "read", by: "alice", peer: "bob", up_to: 2 });
  assert.deepEqual(await store.get("reads"), []);
  client.read("bob", 2);
  await clock.forward(300);
  assert.equal(next.of("read").length, 1);
});

test("typing is told at most once in two seconds for each person, and only when live", async () => {
  const { client, clock, live, told } = scene();
  client.typing("bob");
  const socket = await live();
  client.typing("bob");
  client.typing("bob");
  client.typing("carol");
  await clock.forward(2000);
  client.typing("bob");
  assert.deepEqual(socket.of("typing").map(({ peer }) => peer), ["bob", "carol", "bob"]);
  await socket.tell({ type: "typing", peer: "bob" }, { type: "presence", peer: "bob", online: true }, { type: "notice", kind: "login", at: "2026-11-22T09:00:00.000Z" });
  assert.deepEqual([told("typing").length, told("presence").length, told("notice").length], [1, 1, 1]);
  assert.equal(client.cursor.position, 0);
});

test("a listener that fails stops nothing", async () => {
  const { client, live, told } = scene({ });
  client.on("message", () => {
    throw new Error("of the listener");
  });
  const socket = await live();
  await socket.tell(incoming(1, 1, "a"));
  await socket.tell(incoming(2, 2, "b"));
  assert.equal(told("event").length, 2);
});

test("edits, deletions, pages of conversations and checks of a name are calls; an answer in HTML may be tried again", async () => {
  const { client, live, calls } = scene({
    answers: {
      "PATCH /api/messages/7/": ({ body }) => answer(200, messageFor(7, "alice", "bob", body.content)),
      "DELETE /api/messages/7/": () => answer(204),
      "DELETE /api/messages/8/": () => refusal(404, "not_found"),
      "GET /api/conversations/": ({ search }) => (search.includes("before") ? answer(200, []) : answer(200, [{ peer: "bob" }], { Link: '</api/conversations/?before=1>; rel="next"' })),
      "GET /api/auth/check-username/": () => answer(200, "<html>Welcome to the hotel</html>"),
    },
  });
  await live();
  assert.equal((await client.edit(7, "mended")).content, "mended");
  await client.delete(7);
  await assert.rejects(client.delete(8), { code: "not_found", transient: false });
  const page = await client.conversations();
  assert.deepEqual(page.conversations, [{ peer: "bob" }]);
  assert.deepEqual(await client.conversations({ next: page.next }), { conversations: [], next: null });
  await assert.rejects(client.checkUsername("bob"), { code: "bad_answer", transient: true });
  assert.equal(calls("GET /api/auth/check-username/").length, 1);
});

const timer = (position, by, seconds) => ({ type: "timer", position, peer: "Bob", by, ...(seconds ? { ttl_seconds: seconds } : {}) });
const inList = (more) => ({ peer: "bob", last_message: messageFor(1, "bob", "alice", "hi"), unread: 0, ...more });

test("a timer is known from its event, kept, told as a change of the conversation, and forgotten at a reset", async () => {
  const store = memoryStore();
  const here = scene({ store });
  const threads = [];
  here.client.on("thread", ({ peer }) => threads.push(peer));
  const socket = await here.live();
  assert.equal(here.client.timerOf("bob"), null);
  await socket.tell(timer(1, "alice", 60));
  assert.equal(here.client.timerOf("BOB"), 60);
  assert.deepEqual(here.told("event"), [timer(1, "alice", 60)]);
  await socket.tell(timer(2, "bob", 60));
  assert.deepEqual(threads, ["bob"], "the same again is no change");
  here.client.stop();
  const again = scene({ store });
  await again.client.resume();
  assert.equal(again.client.timerOf("bob"), 60);
  const other = await again.welcome({ position: 2, outcome: "recovered" });
  await other.tell(timer(3, "bob"));
  assert.equal(again.client.timerOf("bob"), null);
  await other.tell(timer(4, "bob", 5));
  assert.deepEqual(await store.get("timers"), [["bob", 5]]);
  await again.back();
  await again.welcome({ position: 9, epoch: "e2", outcome: "reset" });
  assert.equal(again.client.timerOf("bob"), null);
  assert.equal(await store.get("timers"), undefined);
});

test("a timer is set by a call, known at once, and the list of conversations tells it; an event that came meanwhile holds", async () => {
  let list = [inList({ ttl_seconds: 60 }), { peer: null }, null];
  let meanwhile = async () => {};
  const here = scene({
    answers: {
      "PATCH /api/conversations/j%C3%B6rg/": ({ body }) => answer(200, { peer: "jörg", ttl_seconds: body.ttl_seconds ?? undefined }),
      "GET /api/conversations/j%C3%B6rg/": () => answer(200, { peer: "Jörg", ttl_seconds: 9 }),
      "GET /api/conversations/": async () => {
        await meanwhile();
        return answer(200, list);
      },
    },
  });
  const threads = [];
  here.client.on("thread", ({ peer }) => threads.push(peer));
  const socket = await here.live();
  await here.client.setTimer("jörg", 5);
  assert.equal(here.client.timerOf("jörg"), 5);
  await here.client.setTimer("jörg", null);
  assert.equal(here.client.timerOf("jörg"), null);
  assert.equal(await here.client.loadTimer("jörg"), 9);
  assert.deepEqual(here.calls("PATCH /api/conversations/j%C3%B6rg/").map(({ body }) => body), [{ ttl_seconds: 5 }, { ttl_seconds: null }]);
  assert.equal((await here.client.conversations()).conversations.length, 3);
  assert.equal(here.client.timerOf("bob"), 60);
  assert.deepEqual(await here.store.get("timers"), [["jörg", 9], ["bob", 60]]);
  assert.deepEqual(threads, ["jörg", "jörg", "Jörg", "bob"]);
  meanwhile = () => socket.tell(timer(1, "bob", 7));
  await here.client.conversations();
  assert.equal(here.client.timerOf("bob"), 7, "the list is older than the event");
  list = [inList({})];
  meanwhile = async () => {};
  await here.client.conversations();
  assert.equal(here.client.timerOf("bob"), null);
  meanwhile = () => socket.tell({ type: "welcome", username: "alice", position: 9, epoch: "e2", outcome: "reset", heartbeat_seconds: 25 });
  list = [inList({ ttl_seconds: 3 })];
  await here.client.conversations();
  assert.equal(here.client.timerOf("bob"), null, "it was asked for before everything began anew");
});

test("a message is the same object while nothing of it has changed, so that a page draws it once", async () => {
  const { client, live } = scene();
  const socket = await live();
  await socket.tell(incoming(1, 1, "a"), { type: "sent", position: 2, message: messageFor(2, "alice", "bob", "b") }, incoming(3, 3, "c"));
  const before = client.messages("bob");
  const same = () => client.messages("BOB").map((message, at) => message === before[at]);
  assert.deepEqual(same(), [true, true, true]);
  await socket.tell(incoming(4, 4, "d"), incoming(5, 5, "e", { sender: "carol" }));
  assert.deepEqual(same().slice(0, 3), [true, true, true]);
  await socket.tell({ type: "receipt", position: 6, kind: "read", by: "bob", peer: "bob", up_to: 2 });
  assert.deepEqual(same().slice(0, 3), [true, false, true]);
  assert.deepEqual([client.messages("bob")[1].state, before[1].state], ["read", "sent"], "what was given is not changed in place");
  await socket.tell({ type: "edited", position: 7, message: messageFor(1, "bob", "alice", "mended", { edited_at: "2026-11-22T10:00:00.000Z" }) });
  assert.deepEqual([client.messages("bob")[0].content, before[0].content], ["mended", "a"]);
});

test("an answer that is no list is a failure, not an empty past; nor is one without a word nobody", async () => {
  for (const said of [{}, null, "x", 7]) {
    const { client, live } = scene({
      answers: {
        "GET /api/auth/messages/": () => answer(200, said),
        "GET /api/conversations/": () => answer(200, said),
        "GET /api/auth/check-username/": () => answer(200, said),
      },
    });
    await live();
    for (const asked of [client.history("bob"), client.conversations(), client.checkUsername("bob")]) {
      await assert.rejects(asked, ({ code, transient }) => code === "bad_answer" && transient);
    }
  }
});

test("what a message has beside and cannot be is left out of it", async () => {
  const { client, live } = scene();
  const socket = await live();
  await socket.tell(incoming(1, 7, "a", { expires_at: "soon", edited_at: 7, reply_to: {}, read_at: [] }), incoming(2, 8, "b", { timestamp: "x" }));
  const [message, ...more] = client.messages("bob");
  assert.deepEqual([message.content, more], ["a", []]);
  for (const key of ["expires_at", "edited_at", "reply_to", "read_at"]) assert.equal(message[key], undefined);
});
