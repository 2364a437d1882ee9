/* Several tabs of one browser: one leads, all see the same, another goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../recado.js";
import { answer, messageFor, refusal, scene, settle, tokenOf } from "./server.js";

/** What the tabs of one browser have in common: a store, locks, a channel that copies what is said. */
const browser = () => {
  const store = { ...memoryStore(), shared: true };
  const queues = new Map();
  const channels = new Set();
  let deaf = false;
  const next = async (name) => {
    const [first] = queues.get(name) ?? [];
    if (!first || first.held) return;
    first.held = true;
    try {
      first.resolve(await first.work());
    } catch (error) {
      first.reject(error);
    }
    queues.set(name, queues.get(name).filter((one) => one !== first));
    void next(name);
  };
  const locks = {
    request: (name, ...rest) =>
      new Promise((resolve, reject) => {
        const work = rest.at(-1);
        const one = { work, resolve, reject, held: false };
        rest.length > 1 && rest[0].signal.addEventListener("abort", () => {
          if (!one.held) queues.set(name, queues.get(name).filter((other) => other !== one));
        });
        queues.set(name, [...(queues.get(name) ?? []), one]);
        void next(name);
      }),
  };
  class Channel {
    constructor(name) {
      this.name = name;
      channels.add(this);
    }
    postMessage(word) {
      const copy = JSON.stringify(word);
      if (deaf) return;
      for (const other of channels) if (other !== this && other.name === this.name) queueMicrotask(() => other.onmessage?.({ data: JSON.parse(copy) }));
    }
    close() {
      channels.delete(this);
    }
  }
  return {
    store,
    tab: (options = {}) => scene({ store, locks, Channel, ...options }),
    /** What is said on the channel is lost. */
    deafen: (is) => (deaf = is),
  };
};

const two = async (options) => {
  const shared = browser();
  const first = shared.tab(options);
  const socket = await first.live({ position: 0 });
  const second = shared.tab(options);
  await second.client.resume();
  await settle();
  return { shared, first, second, socket };
};

const incoming = (position, id, content) => ({ type: "message", position, message: messageFor(id, "bob", "alice", content) });
const sent = ({ client_id: clientId, recipient, content }, position, id) => ({
  type: "sent", client_id: clientId, ref: clientId, position, duplicate: false,
  message: messageFor(id, "alice", recipient, content, { client_id: clientId }),
});
const shown = ({ client }) => client.messages("bob").map(({ content, state }) => `${content} ${state}`);

test("one tab connects; the others see its state, its messages and its hints", async () => {
  const { first, second, socket } = await two();
  assert.deepEqual([first.sockets.length, second.sockets.length], [1, 0]);
  assert.deepEqual([first.client.leading, second.client.leading], [true, false]);
  assert.equal(second.client.state.connection, "live");
  assert.equal(second.client.me, "alice");
  await socket.tell(incoming(2, 2, "early"), { type: "typing", peer: "bob" });
  assert.deepEqual(second.told("message"), []);
  await socket.tell(incoming(1, 1, "first"));
  await settle();
  assert.deepEqual(second.told("message").map(({ content }) => content), ["first", "early"]);
  assert.deepEqual(second.told("typing"), [{ type: "typing", peer: "bob" }]);
  assert.deepEqual(second.client.cursor, first.client.cursor);
  await socket.end();
  await settle();
  assert.equal(second.client.state.connection, "waiting");
});

test("what another tab writes, reads, types, tries again or gives up goes through the one that leads", async () => {
  const { first, second, socket } = await two();
  const clientId = await second.client.send("bob", "of the second");
  second.client.typing("bob");
  second.client.read("bob", 7);
  await settle();
  await first.clock.forward(300);
  assert.deepEqual(socket.of("send").map(({ client_id }) => client_id), [clientId]);
  assert.equal(socket.of("typing").length, 1);
  assert.equal(socket.of("read")[0].up_to, 7);
  assert.deepEqual(shown(first), ["of the second sending"]);
  assert.equal(await second.client.discard(clientId), false);

  await socket.tell({ type: "error", code: "not_found", detail: "Nobody.", ref: clientId });
  await settle();
  assert.deepEqual(shown(second), ["of the second failed"]);
  assert.equal(second.told("failed").length, 1);
  assert.equal(await second.client.retry(clientId), true);
  await settle();
  assert.equal(socket.of("send").length, 2);
  await socket.tell({ type: "error", code: "not_found", detail: "Nobody.", ref: clientId });
  await settle();
  assert.equal(await second.client.discard(clientId), true);
  await settle();
  assert.deepEqual([shown(first), shown(second)], [[], []]);

  await second.client.send("bob", "once more");
  await settle();
  await socket.tell(sent(socket.of("send").at(-1), 1, 1));
  await settle();
  assert.deepEqual([shown(first), shown(second)], [["once more sent"], ["once more sent"]]);
  assert.equal(second.client.unsent, 0);
});

test("what another tab quotes is known to the one that sends it", async () => {
  const { first, second, socket } = await two();
  await second.client.send("bob", "yes", { replyTo: 7, ttlSeconds: 60 });
  await settle();
  const [{ reply_to, ttl_seconds }] = socket.of("send");
  assert.deepEqual([reply_to, ttl_seconds], [7, 60]);
  assert.equal(first.client.messages("bob")[0].reply_to, 7);
  assert.equal(second.client.messages("bob")[0].reply_to, 7);
});

test("when the leading tab goes, another one resumes where it was and sends what waits", async () => {
  const { first, second, socket } = await two();
  await socket.tell(incoming(1, 1, "before"));
  await first.client.send("bob", "on its way");
  await settle();
  first.client.stop();
  await settle();
  await settle();
  assert.equal(second.client.leading, true);
  await second.last().open();
  assert.equal(second.last().said[0].position, 1);
  const next = await second.welcome({ position: 1, outcome: "recovered" });
  assert.deepEqual(next.of("send"), socket.of("send"));
});

test("what another tab wrote without a connection is said to the store to be on its way before it is", async () => {
  const { shared, first, second, socket } = await two();
  await socket.end();
  const clientId = await second.client.send("bob", "from beside");
  const rows = async () => (await shared.store.list("outbox/")).map(([, { client_id, waits }]) => [client_id, waits]);
  assert.deepEqual(await rows(), [[clientId, true]]);
  await first.clock.forward(1000);
  const next = await first.welcome({ outcome: "recovered" });
  assert.equal(next.of("send").length, 1);
  assert.deepEqual(await rows(), [[clientId, undefined]]);
});

test("a word that got lost between tabs is made up for from the store", async () => {
  const { shared, first, second, socket } = await two();
  shared.deafen(true);
  await socket.tell(incoming(1, 1, "not heard"));
  await settle();
  assert.deepEqual(shown(second), []);
  shared.deafen(false);
  await socket.tell(incoming(2, 2, "heard"));
  await settle();
  await settle();
  assert.deepEqual(shown(second), shown(first));
  assert.deepEqual(second.client.cursor, first.client.cursor);
});

test("a reset is one for all tabs", async () => {
  const { first, second, socket } = await two();
  await socket.tell(incoming(1, 1, "old"));
  await first.back();
  await first.welcome({ position: 0, epoch: "e2", outcome: "reset" });
  await settle();
  assert.deepEqual([first.told("reset").at(-1), second.told("reset").at(-1)], [{ first: false }, { first: false }]);
  assert.deepEqual([shown(first), shown(second)], [[], []]);
  await first.last().tell(incoming(1, 5, "new"));
  await settle();
  assert.deepEqual([shown(first), shown(second)], [["new received"], ["new received"]]);
});

test("all tabs share a renewal", async () => {
  const { first, second } = await two();
  await first.clock.forward(400_000);
  await settle();
  const before = second.calls("POST /api/auth/refresh/").length;
  await second.client.call("GET", "/api/users/me/");
  assert.equal(second.calls("POST /api/auth/refresh/").length, before);
  assert.equal(second.calls("GET /api/users/me/").at(-1).headers.Authorization, `Bearer ${tokenOf("1", 1)}`);
});

test("of two tabs that renew at once the second takes what the first has got", async () => {
  const good = tokenOf("1", 99);
  const answers = {
    "GET /api/conversations/": ({ headers }) => (headers.Authorization === `Bearer ${good}` ? answer(200, []) : refusal(401, "unauthenticated")),
    "POST /api/auth/refresh/": () => answer(200, { access: good, refresh: "r99" }),
  };
  const { first, second } = await two({ answers });
  await Promise.all([first, second].map(({ client }) => client.conversations()));
  assert.deepEqual([first, second].map(({ calls }) => calls("POST /api/auth/refresh/").length), [1, 0]);
});

test("signing out anywhere ends it everywhere, and nothing comes back", async () => {
  const { shared, first, second, socket } = await two();
  await socket.tell(incoming(1, 1, "a secret"));
  await second.client.signOut();
  await settle();
  assert.deepEqual(first.told("ended"), [{ reason: "signed_out", unsent: 0 }]);
  assert.ok(socket.closed);
  await first.clock.forward(3_600_000);
  assert.deepEqual(await shared.store.list(""), []);
  assert.equal(first.sockets.length, 1);
});

test("somebody else who signs in in another tab takes the browser over", async () => {
  const { shared, first } = await two();
  const eve = shared.tab({
    answers: {
      "POST /api/auth/login/": () => answer(200, { access: tokenOf("2"), refresh: "q0" }),
      "GET /api/users/me/": () => answer(200, { username: "eve" }),
    },
  });
  await eve.client.signIn("eve", "secret secret");
  await settle();
  assert.deepEqual(first.told("ended"), [{ reason: "changed", unsent: 0 }]);
  assert.equal((await shared.store.get("me")).username, "eve");
  assert.equal(eve.client.leading, true);
});

test("a timer that one tab sets is known to all", async () => {
  const { first, second, socket } = await two({
    answers: { "PATCH /api/conversations/bob/": ({ body }) => answer(200, { peer: "bob", ...body }) },
  });
  await second.client.setTimer("bob", 60);
  assert.equal(second.client.timerOf("bob"), 60);
  assert.equal(first.client.timerOf("bob"), null);
  await socket.tell({ type: "timer", position: 1, peer: "bob", by: "alice", ttl_seconds: 60 });
  assert.equal(first.client.timerOf("bob"), 60);
  const heard = [];
  second.client.on("thread", ({ peer }) => heard.push(peer));
  await socket.tell({ type: "timer", position: 2, peer: "bob", by: "bob" });
  assert.equal(second.client.timerOf("bob"), null);
  assert.deepEqual(heard, ["bob"]);
});
