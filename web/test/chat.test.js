/* What one signed-in person does and sees: with the real client, and the test as its server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../recado.js";
import { createChat } from "../src/chat.js";
import { answer, messageFor, refusal, scene as serverScene, settle } from "./server.js";

const incoming = (position, id, content, sender = "bob", more = {}) => ({ type: "message", position, message: messageFor(id, sender, "alice", content, more) });
const inList = (peer, id, unread, more = {}) => ({ peer, last_message: messageFor(id, peer, "alice", `m${id}`), unread, ...more });

/** Signed in and live; `looking` is whether a person may be looking. */
const scene = async ({ answers = {}, store = memoryStore(), list = [], welcome, resumed = false } = {}) => {
  const given = {
    "GET /api/conversations/": () => answer(200, list),
    "GET /api/auth/messages/": () => answer(200, []),
    "GET /api/blocks/": () => answer(200, []),
    "GET /api/mutes/": () => answer(200, []),
    ...answers,
  };
  const server = serverScene({ answers: given, store });
  const here = { ...server, answers: given, looking: true, lives: 0, news: [] };
  await (resumed ? server.client.resume() : server.client.signIn("alice", "secret secret"));
  here.chat = createChat({
    client: server.client,
    store,
    clock: server.clock,
    watching: () => here.looking,
    onLive: () => (here.lives += 1),
    onNews: (message, more) => here.news.push([message.content, more]),
  });
  here.state = here.chat.state;
  here.thread = () => here.state.thread.value;
  here.row = (key) => here.state.conversations.value.find((one) => one.key === key);
  here.texts = () => here.thread().items.map(({ content }) => content);
  here.said = () => here.state.announcement.value;
  here.open = async (peer) => (here.chat.open(peer), settle());
  here.chat.start();
  if (welcome !== null) here.socket = await server.welcome(welcome);
  return here;
};

test("with the connection come the list, and the word to whoever waits for it, each time", async () => {
  const here = await scene({ list: [inList("Bob", 6, 2)] });
  assert.deepEqual([here.state.connection.value.connection, here.lives, here.state.listStatus.value], ["live", 1, "ready"]);
  assert.deepEqual([here.row("bob").unread, here.state.unreadTotal.value], [2, 2]);
  await here.last().end();
  assert.deepEqual([here.state.connection.value.connection, here.state.troubled.value], ["waiting", true]);
  await here.clock.forward(here.client.state.retryInMs);
  await here.welcome({ outcome: "recovered" });
  assert.deepEqual([here.lives, here.state.troubled.value, here.calls("GET /api/conversations/").length], [2, false, 2]);
});

test("news is shown and counted once, and read out once for all that came together", async () => {
  const here = await scene({ list: [inList("bob", 6, 1)] });
  const { turn } = here.said();
  const receipt = (position) => ({ type: "receipt", position, kind: "delivered", by: "bob", peer: "bob", up_to: position });
  // The first frame is on its way to the store while the others come: these are told together.
  await here.socket.tell(receipt(1), incoming(2, 7, "one"), incoming(3, 8, "two"), incoming(3, 8, "two"));
  assert.deepEqual([here.row("bob").unread, here.row("bob").last.content, here.said().turn], [3, "two", turn + 1]);
  assert.match(here.said().text, /bob.*one\n.*bob.*two/);
  await here.socket.tell(receipt(4), ...[5, 6, 7, 8].map((position) => incoming(position, position + 6, `many ${position}`)));
  assert.equal(here.said().turn, turn + 2);
  assert.match(here.said().text, /4/);
  assert.doesNotMatch(here.said().text, /many/);
  await here.socket.tell(receipt(9));
  assert.equal(here.said().turn, turn + 2, "a receipt is no news");
});

test("one's own words from another device are shown, and are no news", async () => {
  const here = await scene();
  await here.socket.tell({ type: "sent", position: 1, message: messageFor(7, "alice", "bob", "from the phone") });
  assert.deepEqual([here.row("bob").last.content, here.row("bob").unread, here.said().turn, here.news], ["from the phone", 0, 0, []]);
});

test("who is to ring is told whether the conversation is muted and whether it is looked at", async () => {
  const here = await scene({ answers: { "GET /api/mutes/": () => answer(200, [{ username: "Carol" }]) } });
  await here.socket.tell(incoming(1, 7, "a"), incoming(2, 8, "b", "carol"));
  await here.open("bob");
  await here.socket.tell(incoming(3, 9, "c"));
  here.looking = false;
  await here.socket.tell(incoming(4, 10, "d"));
  assert.deepEqual(here.news, [
    ["a", { muted: false, shown: false }],
    ["b", { muted: true, shown: false }],
    ["c", { muted: false, shown: true }],
    ["d", { muted: false, shown: false }],
  ]);
});

test("an open conversation shows its history and what comes, and is read as far as it is shown while somebody looks", async () => {
  const here = await scene({
    list: [inList("Bob", 6, 2)],
    answers: { "GET /api/auth/messages/": () => answer(200, [6, 5, 4].map((id) => messageFor(id, "bob", "alice", `m${id}`))) },
  });
  await here.open("bob");
  assert.deepEqual([here.state.opened.value, here.thread().peer, here.thread().firstUnread, here.texts()], ["bob", "Bob", 5, ["m4", "m5", "m6"]]);
  here.looking = false;
  here.chat.shown(6);
  here.chat.shown(4);
  await here.clock.forward(300);
  assert.deepEqual([here.row("bob").unread, here.socket.of("read")], [2, []]);
  here.looking = true;
  here.chat.looked();
  await here.clock.forward(300);
  assert.deepEqual([here.row("bob").unread, here.socket.of("read").map(({ peer, up_to: upTo }) => [peer, upTo])], [0, [["Bob", 6]]]);
  await here.socket.tell(incoming(1, 7, "m7"));
  here.chat.shown(7);
  here.chat.shown(5);
  assert.equal(here.row("bob").unread, 0);
  assert.deepEqual(here.texts().at(-1), "m7");
  here.chat.close();
  here.chat.looked();
  assert.deepEqual([here.state.opened.value, here.thread()], [null, null]);
});

test("what was shown of one conversation says nothing of the next", async () => {
  const here = await scene({ list: [inList("bob", 9, 1), inList("carol", 6, 1)] });
  await here.open("bob");
  here.chat.shown(9);
  await here.open("carol");
  here.chat.looked();
  assert.deepEqual([here.row("bob").unread, here.row("carol").unread], [0, 1]);
});

test("a line stands before the first of what came while nobody looked", async () => {
  const here = await scene();
  await here.open("bob");
  await here.socket.tell(incoming(1, 7, "seen"));
  assert.equal(here.thread().firstUnread, null);
  here.looking = false;
  await here.socket.tell(incoming(2, 8, "elsewhere", "carol"), incoming(3, 9, "missed"), incoming(4, 10, "as well"));
  assert.equal(here.thread().firstUnread, 9);
});

test("what is written is shown at once, waits before all others, and is shown as sent; a failure is read out", async () => {
  const here = await scene({ list: [inList("carol", 6, 0)] });
  await here.open("bob");
  await here.chat.send("bob", "hi");
  await settle();
  assert.deepEqual([here.texts(), here.state.conversations.value[0].key, here.chat.unsent], [["hi"], "bob", 1]);
  const [send] = here.socket.of("send");
  await here.socket.tell({ type: "sent", client_id: send.client_id, ref: send.ref, position: 1, duplicate: false, message: messageFor(7, "alice", "bob", "hi", { client_id: send.client_id }) });
  assert.deepEqual([here.thread().items.map(({ id, state }) => [id, state]), here.row("bob").pending, here.chat.unsent], [[[7, "sent"]], null, 0]);
  await here.chat.send("bob", "refused");
  await settle();
  const { ref, client_id: clientId } = here.socket.of("send").at(-1);
  await here.socket.tell({ type: "error", code: "invalid", detail: "No.", ref });
  assert.deepEqual([here.thread().items.at(-1).state, here.said().text.includes("bob")], ["failed", true]);
  assert.equal(await here.chat.retry(clientId), true);
  await here.socket.tell({ type: "error", code: "invalid", detail: "No.", ref });
  assert.equal(await here.chat.discard(clientId), true);
  await settle();
  assert.deepEqual([here.texts(), here.row("bob").pending], [["hi"], null]);
});

test("edits, deletions and ends are shown where the message is, in the list, and where it is quoted", async () => {
  const here = await scene({ list: [inList("bob", 6, 0)], answers: { "GET /api/auth/messages/": () => answer(200, [messageFor(5, "bob", "alice", "m5")]), "GET /api/messages/6/": () => answer(200, messageFor(6, "bob", "alice", "m6")) } });
  await here.open("bob");
  const quote = here.chat.quote(6);
  await settle();
  await here.socket.tell({ type: "edited", position: 1, message: messageFor(6, "bob", "alice", "mended", { edited_at: "2026-11-22T10:00:00.000Z" }) });
  assert.deepEqual([here.row("bob").last.content, quote.value.message.content], ["mended", "mended"]);
  here.answers["GET /api/conversations/"] = () => answer(200, [inList("bob", 5, 0)]);
  await here.socket.tell({ type: "deleted", position: 2, id: 6, peer: "bob" });
  assert.deepEqual([here.row("bob").last.content, quote.value.status, here.texts()], ["m5", "gone", ["m5"]]);
  await here.socket.tell({ type: "expired", position: 3, id: 5, peer: "bob" });
  assert.deepEqual(here.texts(), []);
});

test("frames that are not whole break nothing, and what follows is shown", async () => {
  const here = await scene({ list: [inList("bob", 6, 0)] });
  await here.open("bob");
  await here.socket.tell(
    { type: "edited", position: 1, message: { id: 6 } }, { type: "edited", position: 2 }, { type: "deleted", position: 3 },
    { type: "deleted", position: 4, id: "6", peer: 7 }, { type: "typing" }, { type: "typing", peer: 7 }, { type: "presence" }, { type: "presence", peer: null, online: true },
    { type: "receipt", position: 5 }, { type: "message", position: 6, message: {} }, incoming(7, 7, "whole"),
  );
  await here.clock.forward(0); // a listener's fault would be thrown by a timer
  assert.deepEqual([here.row("bob").last.content, here.texts()], ["whole", ["whole"]]);
});

test("who types is shown until they have written, or for some seconds", async () => {
  const here = await scene();
  await here.socket.tell({ type: "typing", peer: "Bob" }, { type: "typing", peer: "carol" });
  assert.deepEqual([...here.state.typing.value], ["bob", "carol"]);
  await here.socket.tell(incoming(1, 7, "done"));
  assert.deepEqual([...here.state.typing.value], ["carol"]);
  await here.clock.forward(5_000);
  assert.deepEqual([...here.state.typing.value], []);
});

test("a conversation that could not be loaded is loaded with the next connection", async () => {
  const here = await scene({ answers: { "GET /api/auth/messages/": () => answer(502, "<html>") } });
  await here.open("bob");
  assert.deepEqual([here.thread().status, here.thread().problem.status], ["failed", 502]);
  here.answers["GET /api/auth/messages/"] = () => answer(200, [messageFor(5, "bob", "alice", "there")]);
  await here.back();
  await here.welcome({ outcome: "recovered" });
  assert.deepEqual([here.thread().status, here.texts()], ["ready", ["there"]]);
});

test("what is begun is kept for the next visit, with its conversation; what is sent or emptied is not", async () => {
  const store = memoryStore();
  const before = await scene({ store, list: [inList("Bob", 6, 0)] });
  await before.open("Bob");
  before.chat.setDraft("bob", "not yet s");
  before.chat.setDraft("carol", "h");
  before.chat.setDraft("carol", "");
  before.chat.open("Dave");
  before.chat.setDraft("dave", "hm");
  assert.deepEqual([before.row("bob").draft, before.chat.draftOf("bob"), before.chat.draftOf("carol")], ["not yet s", "not yet s", ""]);
  await before.chat.keepNow();
  before.chat.stop();
  before.client.stop();
  const here = await scene({ store, resumed: true, welcome: null });
  await settle();
  assert.deepEqual([here.chat.draftOf("bob"), here.chat.draftOf("carol"), here.row("dave").peer, here.row("dave").draft], ["not yet s", "", "Dave", "hm"]);
  assert.deepEqual(here.row("bob").last.content, "m6", "the list is there without a server");
});

test("what is begun while the kept is still being read holds against it, and rows that are none are passed over", async () => {
  const store = memoryStore();
  await store.write([["page/drafts", [{ peer: "bob", text: "old" }, { peer: "carol", text: "kept" }, null, { peer: 7, text: "x" }, { peer: "eve" }]]]);
  const server = serverScene({ store });
  await server.client.signIn("alice", "secret secret");
  // Another start would have destroyed it: the same person is at the same store.
  const chat = createChat({ client: server.client, store, clock: server.clock, watching: () => true });
  chat.start();
  chat.setDraft("bob", "new");
  await settle();
  assert.deepEqual([chat.draftOf("bob"), chat.draftOf("carol"), chat.draftOf("eve")], ["new", "kept", ""]);
  assert.deepEqual(chat.state.conversations.value.map(({ key }) => key), ["bob", "carol"], "it is listed, though no list was kept");
});

test("a deleted conversation is gone, with what was begun in it, and closed; one that could not be deleted stands", async () => {
  const here = await scene({ list: [inList("Bob", 6, 1)], answers: { "DELETE /api/conversations/Bob/": () => refusal(503, "unavailable") } });
  await here.open("bob");
  here.chat.setDraft("bob", "hm");
  await assert.rejects(here.chat.deleteConversation("Bob"), { status: 503 });
  assert.deepEqual([here.state.opened.value, here.row("bob").draft], ["bob", "hm"]);
  here.answers["DELETE /api/conversations/Bob/"] = () => answer(204);
  await here.chat.deleteConversation("Bob");
  assert.deepEqual([here.state.opened.value, here.row("bob"), here.state.unreadTotal.value, here.chat.draftOf("bob")], [null, undefined, 0, ""]);
});

test("what was to be deleted and is gone already is deleted, with what was refused in it", async () => {
  const gone = () => refusal(404, "not_found");
  const here = await scene({ answers: { "DELETE /api/conversations/bob/": gone, "DELETE /api/messages/7/": gone } });
  await here.open("bob");
  await here.chat.remove(7);
  const clientId = await here.chat.send("bob", "refused");
  await here.socket.tell({ type: "error", code: "forbidden", detail: "No.", ref: clientId });
  assert.equal(here.row("bob").pending.state, "failed");
  await here.chat.deleteConversation("bob");
  assert.deepEqual([here.row("bob"), here.chat.unsent, here.state.opened.value], [undefined, 0, null]);
});

test("who was there is not known without a connection", async () => {
  const here = await scene({ list: [inList("bob", 6, 0, { online: true })] });
  assert.equal(here.row("bob").online, true);
  await here.last().end();
  assert.equal(here.row("bob").online, undefined);
});

test("when the past was lost it is loaded anew and said so; the first time there is nothing to say", async () => {
  const here = await scene({ list: [inList("bob", 6, 1), inList("carol", 5, 0)], answers: { "GET /api/auth/messages/": () => answer(200, [messageFor(6, "bob", "alice", "before")]) } });
  assert.equal(here.state.fault.value, null);
  await here.open("bob");
  here.answers["GET /api/conversations/"] = () => answer(200, [inList("bob", 4, 0)]);
  here.answers["GET /api/auth/messages/"] = () => answer(200, [messageFor(4, "bob", "alice", "after")]);
  await here.back();
  await here.welcome({ position: 90, epoch: "e2", outcome: "reset" });
  await settle();
  assert.deepEqual([here.state.fault.value, here.thread().status, here.texts()], ["reset", "ready", ["after"]]);
  assert.deepEqual(here.state.conversations.value.map(({ key, last, unread }) => [key, last.id, unread]), [["bob", 4, 0]]);
  here.chat.dismiss();
  assert.equal(here.state.fault.value, null);
});

test("a device that can keep nothing is told about; another fault of the connection is not the person's to mend", async () => {
  const store = memoryStore();
  const here = await scene({ store });
  await here.socket.tell({ type: "error", code: "strange", detail: "x" });
  assert.equal(here.state.fault.value, null);
  store.write = () => Promise.reject(new Error("quota"));
  await here.chat.send("bob", "hi");
  assert.equal(here.state.fault.value, "storage");
  await here.socket.tell({ type: "notice", kind: "signed_in", at: "2026-11-22T10:00:00Z" });
  assert.equal(here.state.notice.value.kind, "signed_in");
  here.chat.dismiss();
  assert.deepEqual([here.state.fault.value, here.state.notice.value], [null, null]);
});

test("after the stop nothing that happens changes anything, and nothing is left waiting or written", async () => {
  const store = memoryStore();
  const here = await scene({ store, list: [inList("bob", 6, 1)] });
  await here.open("bob");
  here.chat.setDraft("bob", "begun");
  await here.socket.tell({ type: "typing", peer: "bob" });
  const snapshot = () => Object.entries(here.state).filter(([key]) => key !== "me").map(([, one]) => one.value);
  here.chat.stop();
  const before = snapshot();
  await here.socket.tell(incoming(1, 7, "late"), { type: "typing", peer: "carol" });
  await here.last().end();
  here.chat.setDraft("carol", "late");
  const { conversations, ...shown } = here.state;
  assert.deepEqual(snapshot().filter((one) => !Array.isArray(one)), before.filter((one) => !Array.isArray(one)));
  assert.deepEqual([conversations.value.map(({ key, last }) => [key, last.id]), shown.announcement.value.turn, here.news], [[["bob", 6]], 0, []]);
  await here.clock.forward(5_000);
  assert.equal(await store.get("page/drafts"), undefined);
});

test("the time shown is the server's, as soon as it has said it", async () => {
  const here = await scene({ answers: { "GET /api/conversations/": () => answer(200, [], { Date: "Sun, 22 Nov 2026 10:00:00 GMT" }) } });
  await settle();
  assert.equal(here.chat.serverNow(), Date.parse("2026-11-22T10:00:00Z"));
});
