/* The library's connection: its states, every close code, pauses, liveness, tokens. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../recado.js";
import { jitter, MOST_MS } from "../recado/pace.js";
import { OPENING_MS } from "../recado/wire.js";
import { answer, refusal, scene, settle, tokenOf } from "./server.js";

test("the wait is a random time below a bound that doubles up to half a minute", () => {
  assert.equal(jitter(0, () => 1), 500);
  assert.equal(jitter(3, () => 1), 4000);
  assert.equal(jitter(3, () => 0), 0);
  assert.equal(jitter(1000, () => 1), MOST_MS);
});

test("it says hello with its token and no position the first time, and with both after a loss", async () => {
  const { client, sockets, welcome, live, back } = scene();
  const states = [];
  client.on("state", ({ connection }) => states.push(connection));
  const first = await live({ position: 7 });
  assert.equal(first.url, "wss://chat.test/ws/chat/");
  assert.equal(first.protocol, "recado.v1");
  assert.deepEqual(first.said[0], { type: "hello", token: tokenOf("1") });
  assert.equal(client.me, "alice");
  await back();
  await sockets[1].open();
  assert.deepEqual(sockets[1].said[0], { type: "hello", token: tokenOf("1"), position: 7, epoch: "e1" });
  await welcome({ position: 7, outcome: "recovered" });
  assert.deepEqual(states.filter((one, at) => one !== states[at - 1]), ["connecting", "live", "waiting", "connecting", "live"]);
  assert.deepEqual(client.state, { connection: "live" });
});

test("after each of these codes it comes back, and waits longer each time until a connection has lasted", async () => {
  const { client, clock, sockets, live, welcome } = scene();
  await live();
  for (const [code, wait] of [[1006, 1000], [1011, 2000], [4408, 4000], [4409, 8000], [4429, 16_000], [4999, 30_000], [1001, 30_000]]) {
    const many = sockets.length;
    await sockets.at(-1).end(code);
    assert.deepEqual(client.state, { connection: "waiting", retryInMs: wait }, `after ${code}`);
    await clock.forward(wait - 1);
    assert.equal(sockets.length, many);
    await clock.forward(1);
    assert.equal(sockets.length, many + 1);
    await welcome({ outcome: "recovered" });
    assert.equal(client.state.connection, "live");
  }
  for (let beat = 0; beat < 4; beat += 1) {
    await clock.forward(20_000);
    await sockets.at(-1).tell({ type: "heartbeat", position: 0 });
  }
  await sockets.at(-1).end(1006);
  assert.equal(client.state.retryInMs, 500);
});

test("after these codes it stays away, and nothing that is kept is lost", async () => {
  for (const [code, reason] of [[1007, "fault"], [1008, "fault"], [1009, "fault"], [4403, "forbidden"]]) {
    const { client, clock, sockets, live, told, store } = scene();
    await live();
    await sockets[0].end(code);
    await clock.forward(3_600_000);
    assert.equal(sockets.length, 1, `after ${code}`);
    assert.deepEqual(client.state, { connection: "ended", reason, code });
    assert.deepEqual(told("ended"), [{ reason, code, unsent: 0 }]);
    assert.ok(await store.get("session"));
  }
});

test("a bye says when to come back", async () => {
  const { client, live } = scene();
  const socket = await live();
  await socket.tell({ type: "bye", code: 1012, reason: "restarting", resume_after_ms: 1730 });
  await client.send("bob", "not into a closing door");
  await socket.end(1012);
  assert.deepEqual(client.state, { connection: "waiting", retryInMs: 1730 });
  assert.deepEqual(socket.of("send"), []);
});

test("a bye that no close follows is taken at its word", async () => {
  const { client, clock, live, sockets } = scene();
  await (await live()).tell({ type: "bye", code: 1012, reason: "restarting", resume_after_ms: 100 });
  await clock.forward(5_100);
  assert.equal(sockets.length, 2);
  assert.equal(client.state.connection, "connecting");
});

test("a closed session is renewed and goes on; a refused renewal ends it and destroys what is kept", async () => {
  const renewed = scene();
  await renewed.live();
  await renewed.back(4401);
  assert.equal(renewed.calls("POST /api/auth/refresh/").length, 1);
  await renewed.last().open();
  assert.equal(renewed.last().said[0].token, tokenOf("1", 1));

  const refused = scene({ answers: { "POST /api/auth/refresh/": () => refusal(401, "unauthenticated") } });
  await refused.live();
  await refused.client.send("bob", "never to be sent");
  await refused.back(4401);
  await refused.clock.forward(3_600_000);
  assert.equal(refused.sockets.length, 1);
  assert.deepEqual(refused.client.state, { connection: "ended", reason: "revoked" });
  assert.deepEqual(refused.told("ended"), [{ reason: "revoked", unsent: 1 }]);
  assert.deepEqual(await refused.store.list(""), []);
  assert.equal(refused.client.me, null);
  await assert.rejects(refused.client.send("bob", "x"), { code: "signed_out" });
});

test("a renewal that a proxy answers, or nobody, ends nothing", async () => {
  const broken = [() => answer(401, "<html>Who are you?</html>"), () => answer(502, "<html>Bad gateway</html>"), () => answer(200, "<html>Hotel</html>")];
  const { client, clock, live, told, calls, sockets } = scene({
    answers: {
      "POST /api/auth/refresh/": () => {
        if (broken.length > 0) return broken.shift()();
        return answer(200, { access: tokenOf("1", 9), refresh: "r9" });
      },
    },
  });
  await live();
  await sockets[0].end(4401);
  await clock.forward(120_000);
  assert.deepEqual(told("ended"), []);
  assert.ok(calls("POST /api/auth/refresh/").length >= 2);
  assert.ok(sockets.length >= 2);
  assert.notEqual(client.state.connection, "ended");
});

test("the token is renewed at two thirds of its life, by the server's clock, and shown to the open connection", async () => {
  const { clock, live, calls, store } = scene();
  const socket = await live();
  for (let at = 0; at < 400; at += 21) {
    await clock.forward(21_000);
    await socket.tell({ type: "heartbeat", position: 0 });
  }
  assert.deepEqual(calls("POST /api/auth/refresh/").map(({ body }) => body), [{ refresh: "r0" }]);
  assert.deepEqual(socket.of("auth"), [{ type: "auth", token: tokenOf("1", 1), ref: "auth" }]);
  assert.deepEqual(await store.get("session"), { refresh: "r1" });
});

test("a sign-in is not renewed at once because there was no session before it", async () => {
  const { client, clock, live, calls } = scene({ session: "cookie", answers: { "POST /api/auth/refresh/": () => refusal(401, "unauthenticated") } });
  assert.equal(await client.resume(), false);
  assert.equal(calls("POST /api/auth/refresh/").length, 1);
  await live({ heartbeat_seconds: 600 });
  await clock.forward(390_000);
  assert.equal(calls("POST /api/auth/refresh/").length, 1);
  assert.equal(client.state.connection, "live");
});

test("a failed renewal is tried again, no sooner than the server says, while the old token still serves", async () => {
  let busy = true;
  const { clock, live, calls, client } = scene({
    answers: {
      "POST /api/auth/refresh/": () => (busy ? refusal(503, "unavailable", { "Retry-After": "90" }) : answer(200, { access: tokenOf("1", 2), refresh: "r2" })),
      "GET /api/conversations/": () => answer(200, []),
    },
  });
  const socket = await live({ heartbeat_seconds: 600 });
  await clock.forward(401_000);
  assert.equal(calls("POST /api/auth/refresh/").length, 1);
  await clock.forward(80_000);
  assert.equal(calls("POST /api/auth/refresh/").length, 1);
  assert.deepEqual((await client.conversations()).conversations, []);
  busy = false;
  await clock.forward(10_000);
  assert.equal(socket.of("auth").length, 1);
});

test("a token that the connection refuses leads to a new hello, not to a loop", async () => {
  const { clock, live, calls, sockets } = scene();
  const socket = await live({ heartbeat_seconds: 600 });
  await clock.forward(400_000);
  await socket.tell({ type: "error", code: "unauthenticated", detail: "Of another session.", ref: "auth" });
  await clock.forward(1000);
  assert.equal(sockets.length, 2);
  assert.equal(calls("POST /api/auth/refresh/").length, 1);
});

test("silence is asked about after one and a half heartbeats, and believed after two and a half", async () => {
  const { client, clock, live, sockets } = scene();
  const socket = await live({ heartbeat_seconds: 20 });
  await clock.forward(29_000);
  assert.deepEqual(socket.of("ping"), []);
  await clock.forward(2_000);
  assert.equal(socket.of("ping").length, 1);
  await socket.tell({ type: "pong", position: 0 });
  await clock.forward(29_000);
  assert.equal(client.state.connection, "live");
  await clock.forward(2_000 + 20_000);
  assert.ok(socket.closed);
  await clock.forward(1_000);
  assert.equal(sockets.length, 2);
});

test("a socket that is closing is said nothing, and is given up when somebody asks whether it is there", async () => {
  const { client, clock, live, sockets, network, welcome } = scene();
  const socket = await live();
  socket.readyState = 2;
  const clientId = await client.send("bob", "never mind");
  await client.send("bob", "hello");
  assert.deepEqual(socket.of("send"), []);
  assert.equal(await client.discard(clientId), true, "it was never on its way");
  network.dispatchEvent(new Event("online"));
  assert.deepEqual([socket.of("ping"), client.state.connection], [[], "waiting"]);
  await clock.forward(1000);
  assert.equal(sockets.length, 2);
  const next = await welcome({ outcome: "recovered" });
  assert.deepEqual(next.of("send").map(({ content }) => content), ["hello"]);
});

test("a connection that does not open, or is not welcomed, in time is dropped and tried again", async () => {
  const { client, clock, sockets } = scene();
  await client.signIn("alice", "secret secret");
  await settle();
  await clock.forward(OPENING_MS + 1000);
  assert.equal(sockets.length, 2);
  assert.ok(sockets[0].closed);
  await sockets[1].open();
  await clock.forward(OPENING_MS + 2000);
  assert.equal(sockets.length, 3);
});

test("a refused hello is tried again when the server says", async () => {
  const { client, sockets } = scene();
  await client.signIn("alice", "secret secret");
  await settle();
  await sockets[0].open();
  await sockets[0].tell({ type: "error", code: "unavailable", detail: "Busy.", retry_after: 7 });
  assert.deepEqual(client.state, { connection: "waiting", retryInMs: 7000 });
});

test("a server that does not speak recado.v1 is not spoken to", async () => {
  const { client, sockets } = scene();
  await client.signIn("alice", "secret secret");
  await settle();
  sockets[0].protocol = "";
  await sockets[0].open();
  assert.deepEqual(sockets[0].said, []);
  assert.equal(client.state.connection, "waiting");
});

test("without a network it says so, and comes back at once with it", async () => {
  const { client, sockets, network, live, clock } = scene();
  await live();
  network.onLine = false;
  network.dispatchEvent(new Event("offline"));
  assert.equal(client.state.connection, "offline");
  await clock.forward(29_000);
  assert.equal(sockets.length, 1);
  network.onLine = true;
  network.dispatchEvent(new Event("online"));
  await settle();
  assert.equal(sockets.length, 2);
});

test("a page that is looked at again asks a live connection whether it is there, and hurries a waiting one", async () => {
  const { client, clock, sockets, live } = scene();
  const socket = await live();
  client.hurry();
  assert.equal(socket.of("ping").length, 1);
  await clock.forward(10_000);
  assert.equal(client.state.connection, "waiting");
  client.hurry();
  await settle();
  assert.equal(sockets.length, 2);
});

test("a call goes on after one renewal that all share; a wrong password is no reason for one", async () => {
  let good = tokenOf("1", 1);
  const { client, live, calls } = scene({
    answers: {
      "GET /api/conversations/": ({ headers }) => (headers.Authorization === `Bearer ${good}` ? answer(200, []) : refusal(401, "unauthenticated")),
      "POST /api/auth/step-up/": () => refusal(401, "wrong_password"),
    },
  });
  await live();
  await Promise.all([client.conversations(), client.conversations()]);
  assert.equal(calls("POST /api/auth/refresh/").length, 1);
  good = "never again";
  await assert.rejects(client.conversations(), { code: "unauthenticated" });
  const before = calls("POST /api/auth/refresh/").length;
  await assert.rejects(client.call("POST", "/api/auth/step-up/", { body: { password: "x" } }), { code: "wrong_password" });
  assert.equal(calls("POST /api/auth/refresh/").length, before);
});

test("signing out destroys what is kept, tells the server, and stays away", async () => {
  const { client, clock, store, live, calls, told, sockets } = scene();
  const socket = await live();
  await client.signOut();
  assert.deepEqual(await store.list(""), []);
  assert.equal(calls("POST /api/auth/logout/")[0].headers.Authorization, `Bearer ${tokenOf("1")}`);
  assert.deepEqual(told("ended"), [{ reason: "signed_out", unsent: 0 }]);
  assert.ok(socket.closed);
  await clock.forward(3_600_000);
  assert.equal(sockets.length, 1);
  assert.equal(await client.resume(), false);
});

test("signing out without a server destroys all the same, and says that the word did not get through", async () => {
  const { client, store, live } = scene({ answers: { "POST /api/auth/logout/": () => answer(502, "<html>") } });
  await live();
  await assert.rejects(client.signOut(), { code: "bad_answer", transient: true });
  assert.deepEqual(await store.list(""), []);
});

test("an earlier sign-in goes on without asking, from the kept refresh token", async () => {
  const store = memoryStore();
  const before = scene({ store });
  await before.live({ position: 3 });
  before.client.stop();
  assert.deepEqual(before.client.state, { connection: "idle" });
  const after = scene({ store });
  assert.equal(await after.client.resume(), true);
  await settle();
  await after.last().open();
  assert.equal(after.last().said[0].position, 3);
  assert.deepEqual(after.calls("POST /api/auth/refresh/").map(({ body }) => body), [{ refresh: "r0" }]);
  assert.equal(await scene().client.resume(), false);
});

test("another person at the same store finds nothing of the one before", async () => {
  const store = memoryStore();
  const before = scene({ store });
  await before.live();
  before.client.stop();
  await before.store.write([["outbox/x", { client_id: "x", recipient: "bob", content: "hers", seq: 1, state: "sending" }]]);
  const after = scene({ store, answers: { "POST /api/auth/login/": () => answer(200, { access: tokenOf("2"), refresh: "q0" }), "GET /api/users/me/": () => answer(200, { username: "eve" }) } });
  await after.client.signIn("eve", "secret secret");
  assert.equal(after.client.unsent, 0);
  assert.deepEqual(await store.list("outbox/"), []);
});

test("a cookie that has become another person's ends this client, and destroys what is its own alone", async () => {
  for (const theirs of [false, true]) {
    const { client, clock, store, told } = scene({
      session: "cookie",
      answers: { "POST /api/auth/refresh/": () => answer(200, { access: tokenOf("2") }) },
    });
    await client.signIn("alice", "secret secret");
    if (theirs) await store.write([["me", { username: "bob", subject: "2" }]]);
    await clock.forward(400_000);
    assert.deepEqual(told("ended"), [{ reason: "changed", unsent: 0 }]);
    assert.deepEqual(await store.get("me"), theirs ? { username: "bob", subject: "2" } : undefined);
  }
});

test("calls by cookie carry the header that another site's form cannot send, and show no token", async () => {
  const { client, calls } = scene({ session: "cookie" });
  assert.equal(await client.resume(), true);
  const [{ headers, body }] = calls("POST /api/auth/refresh/");
  assert.equal(headers["X-Recado-Session"], "cookie");
  assert.deepEqual(body, {});
});

test("a second factor that is asked for is told with what it needs", async () => {
  const { client, calls } = scene({
    answers: {
      "POST /api/auth/login/": () => answer(401, { status: 401, code: "second_factor_required", mfa_token: "m", factors: ["otp"] }),
      "POST /api/auth/login/second-factor/": () => answer(200, { access: tokenOf("1"), refresh: "r" }),
    },
  });
  const problem = await client.signIn("alice", "secret secret").catch((error) => error);
  assert.deepEqual([problem.code, problem.said.mfa_token, problem.said.factors], ["second_factor_required", "m", ["otp"]]);
  await client.secondFactor({ mfa_token: "m", otp: "123456" });
  assert.equal(client.me, "alice");
  assert.equal(calls("POST /api/auth/refresh/").length, 0);
});

const revoked = () => refusal(401, "unauthenticated");
const barred = () => refusal(403, "enrolment_required");

test("a call that ends the session destroys what is kept when it has, and only then", async () => {
  const { client, live, store, told, sockets, clock } = scene();
  const socket = await live();
  await client.send("bob", "not to be sent");
  let end;
  const parted = client.part(() => new Promise((resolve) => (end = resolve)));
  await settle();
  assert.equal(client.me, "alice");
  assert.ok((await store.list("")).length > 0);
  end({ status: 202 });
  assert.deepEqual(await parted, { status: 202 });
  assert.deepEqual([client.me, client.state, told("ended")], [null, { connection: "ended", reason: "signed_out" }, [{ reason: "signed_out", unsent: 1 }]]);
  assert.deepEqual(await store.list(""), []);
  assert.ok(socket.closed);
  await clock.forward(3_600_000);
  assert.equal(sockets.length, 1);
  await assert.rejects(client.part(() => assert.fail("nobody is signed in")), { code: "signed_out" });
});

test("a call that fails to end the session leaves it as it was; its later end is one like any other", async () => {
  const answers = {};
  const { client, live, told, store, last } = scene({ answers });
  await live();
  await assert.rejects(client.part(() => Promise.reject(new Error("no"))), { message: "no" });
  await assert.rejects(client.part(() => client.call("DELETE", "/api/nowhere/")), { kind: "network" });
  assert.deepEqual([client.me, client.state.connection, told("ended")], ["alice", "live", []]);
  assert.ok(await store.get("session"));
  answers["POST /api/auth/refresh/"] = revoked;
  await last().end(4401);
  await settle();
  assert.deepEqual(told("ended"), [{ reason: "revoked", unsent: 0 }]);
});

test("the news that the session is over waits for the answer of the call that ends it", async () => {
  for (const [done, reason] of [[true, "signed_out"], [false, "revoked"]]) {
    const answers = {};
    const { client, live, told, last, store, calls } = scene({ answers });
    await live();
    answers["POST /api/auth/refresh/"] = revoked;
    let settleIt;
    const parted = client.part(() => new Promise((resolve, reject) => (settleIt = done ? resolve : reject)));
    await last().end(4401);
    assert.equal(calls("POST /api/auth/refresh/").length, 1);
    assert.deepEqual([client.me, told("ended")], ["alice", []]);
    settleIt(new Error("no"));
    await (done ? parted : assert.rejects(parted, { message: "no" }));
    assert.deepEqual(told("ended"), [{ reason, unsent: 0 }], reason);
    assert.deepEqual(await store.list(""), []);
  }
});

test("what needs no token is asked without one, also by nobody", async () => {
  const { client, calls, live } = scene({ answers: { "POST /api/auth/login/passkey/options/": () => answer(200, { challenge: "c" }, { Link: '</api/x/>; rel="next"' }) } });
  assert.deepEqual(await client.ask("POST", "/api/auth/login/passkey/options/", { body: {} }), { status: 200, said: { challenge: "c" }, next: "/api/x/" });
  await assert.rejects(client.call("POST", "/api/auth/login/passkey/options/", { body: {} }), { code: "signed_out" });
  await live();
  await client.ask("POST", "/api/auth/login/passkey/options/", { body: {} });
  assert.deepEqual(calls("POST /api/auth/login/passkey/options/").map(({ headers }) => headers.Authorization), [undefined, undefined]);
});

test("a file is given whole and may take ten minutes; what is said of a failure is read as ever", async () => {
  const file = new Blob(["the file"]);
  const slow = {};
  const { client, live, clock } = scene({
    answers: {
      "POST /api/auth/export/": (_, { signal }) =>
        new Promise((resolve, reject) => {
          slow.answer = resolve;
          signal.addEventListener("abort", () => reject(new Error("given up")));
        }),
    },
  });
  await live({ heartbeat_seconds: 600 });
  const ask = (options) => client.call("POST", "/api/auth/export/", { body: {}, ...options });
  const whole = ask({ file: true });
  await clock.forward(300_000);
  slow.answer({ ...answer(200), blob: async () => file });
  assert.deepEqual(await whole, { status: 200, said: file, next: null });
  const refused = ask({ file: true });
  await settle();
  slow.answer(refusal(403, "step_up_required"));
  await assert.rejects(refused, { code: "step_up_required", detail: "It is step_up_required." });
  const late = assert.rejects(ask({ file: true }), { kind: "network" });
  await clock.forward(600_000);
  await late;
  const usual = assert.rejects(ask(), { kind: "network" });
  await clock.forward(20_000);
  await usual;
});

test("whoever must enrol first may call, is not connected, keeps nothing, and goes on once it is done", async () => {
  const answers = { "GET /api/users/me/": barred, "POST /api/auth/totp/": () => answer(200, { secret: "s" }) };
  const { client, sockets, store, welcome, told } = scene({ answers });
  await assert.rejects(client.signIn("alice", "secret secret"), { code: "enrolment_required" });
  assert.deepEqual((await client.call("POST", "/api/auth/totp/", { body: {} })).said, { secret: "s" });
  assert.deepEqual([client.me, sockets.length, await store.get("me"), told("ended")], [null, 0, undefined, []]);
  await assert.rejects(client.resume(), { code: "enrolment_required" });
  answers["GET /api/users/me/"] = () => answer(200, { username: "alice" });
  assert.equal(await client.resume(), true);
  await welcome();
  assert.deepEqual([client.me, client.state.connection], ["alice", "live"]);
});

test("whoever must enrol first may sign out, and a session that is over is told as over", async () => {
  const answers = { "GET /api/users/me/": barred, "GET /api/auth/factors/": revoked };
  const leaving = scene({ answers });
  await leaving.client.signIn("alice", "secret secret").catch(() => {});
  await leaving.client.signOut();
  assert.deepEqual([leaving.told("ended"), await leaving.store.list("")], [[{ reason: "signed_out", unsent: 0 }], []]);
  const over = scene({ answers: { ...answers, "POST /api/auth/refresh/": revoked } });
  await over.client.signIn("alice", "secret secret").catch(() => {});
  await assert.rejects(over.client.call("GET", "/api/auth/factors/"), { status: 401 });
  assert.deepEqual(over.told("ended"), [{ reason: "revoked", unsent: 0 }]);
  await assert.rejects(over.client.call("GET", "/api/auth/factors/"), { code: "signed_out" });
});

test("a hello that is refused for the enrolment ends the connection, destroys nothing, and lets nobody in by what is kept", async () => {
  const answers = {};
  const { client, live, back, last, store, told, clock, sockets, welcome } = scene({ answers });
  await live();
  await client.send("bob", "waits");
  await back();
  await last().open();
  answers["GET /api/users/me/"] = barred;
  await last().tell({ type: "error", code: "enrolment_required", detail: "First a second step." });
  assert.deepEqual([client.state, told("ended")], [{ connection: "ended", reason: "enrolment" }, [{ reason: "enrolment", unsent: 1 }]]);
  await clock.forward(3_600_000);
  assert.equal(sockets.length, 2);
  await assert.rejects(client.resume(), { code: "enrolment_required" });
  answers["GET /api/users/me/"] = () => answer(200, { username: "alice" });
  await client.resume();
  await welcome({ outcome: "recovered" });
  assert.deepEqual([client.me, client.unsent, (await store.list("outbox/")).length], ["alice", 1, 1]);
});
