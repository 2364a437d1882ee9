/* Signing in and out, whose word ends a session, and what other tabs say: with the real client, and the test as its server. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { memoryStore, Problem } from "../recado.js";
import { createSession } from "../src/session.js";
import { answer, refusal, scene as serverScene, settle, tokenOf } from "./server.js";

const PROFILE = { username: "alice", receipts: true, presence: true, language: "pt-BR" };
const usual = {
  "GET /api/users/me/": () => answer(200, PROFILE),
  "GET /api/conversations/": () => answer(200, []),
  "GET /api/blocks/": () => answer(200, []),
  "GET /api/mutes/": () => answer(200, []),
};

const begun = [];
afterEach(() => {
  for (const { session } of begun.splice(0)) {
    session.page.chat.value?.stop();
    session.client.stop();
  }
});

const scene = ({ answers = {}, store = memoryStore(), device = "a browser", ...options } = {}) => {
  const given = { ...usual, ...answers };
  const server = serverScene({ answers: given, store, session: "cookie", ...options });
  const tabs = Object.assign(new EventTarget(), {
    said: [],
    postMessage: (word) => tabs.said.push(word),
    hear: async (data) => (tabs.dispatchEvent(Object.assign(new Event("message"), { data })), settle()),
  });
  const session = createSession({ client: server.client, store, tabs, watching: () => true, device });
  const here = { ...server, answers: given, session, page: session.page, tabs, notice: () => session.page.notice.value, phase: () => session.page.phase.value };
  begun.push(here);
  return here;
};

const signedIn = async (options) => {
  const here = scene(options);
  await here.session.signIn("alice", "secret secret");
  await here.welcome();
  return here;
};
/** A parting that waits for the test's word. */
const parting = (here, noticeOf = () => "sign.erased") => {
  const one = {};
  one.done = here.session.part(() => new Promise((resolve, reject) => Object.assign(one, { answer: resolve, fail: reject })), noticeOf);
  return one;
};
const revoked = () => refusal(401, "unauthenticated");
const barred = () => refusal(403, "enrolment_required");

test("a sign-in names the device, brings the profile, and tells the other tabs", async () => {
  const here = await signedIn();
  assert.deepEqual(here.calls("POST /api/auth/login/")[0].body, { username: "alice", password: "secret secret", device: "a browser" });
  assert.deepEqual([here.phase(), here.page.chat.value.state.me, here.page.profile.value.language, here.tabs.said], ["chat", "alice", "pt-BR", ["signed_in"]]);
  const unnamed = scene({ device: "" });
  await unnamed.session.signIn("alice", "secret secret");
  assert.equal("device" in unnamed.calls("POST /api/auth/login/")[0].body, false);
});

test("a sign-in that fails leaves everything as it is, and other tabs alone", async () => {
  const here = scene({ answers: { "POST /api/auth/login/": () => refusal(401, "wrong_password"), "POST /api/auth/refresh/": revoked } });
  await here.session.boot();
  await assert.rejects(here.session.signIn("alice", "wrong"), { code: "wrong_password" });
  assert.deepEqual([here.phase(), here.page.chat.value, here.tabs.said], ["sign", null, []]);
});

test("the second half of a sign-in carries the proof, and a passkey the device", async () => {
  const here = scene({
    answers: {
      "POST /api/auth/login/": () => answer(401, { status: 401, code: "second_factor_required", mfa_token: "m" }),
      "POST /api/auth/login/second-factor/": () => answer(200, { access: tokenOf("1") }),
      "POST /api/auth/login/passkey/": () => answer(200, { access: tokenOf("1") }),
    },
  });
  const { said } = await here.session.signIn("alice", "secret secret").catch((problem) => problem);
  await here.session.secondFactor(said.mfa_token, { otp: "123456" });
  assert.deepEqual([here.phase(), here.calls("POST /api/auth/login/second-factor/")[0].body], ["chat", { mfa_token: "m", otp: "123456" }]);
  const first = here.page.chat.value;
  await here.session.passkey({ id: "k" });
  assert.deepEqual(here.calls("POST /api/auth/login/passkey/")[0].body, { credential: { id: "k" }, device: "a browser" });
  assert.notEqual(here.page.chat.value, first);
});

test("a new account is signed in; when that fails, it is there all the same", async () => {
  const made = { "POST /api/auth/register/": () => answer(201, {}) };
  const here = scene({ answers: made });
  assert.equal(await here.session.register("alice", "secret secret"), true);
  assert.equal(here.phase(), "chat");
  const half = scene({ answers: { ...made, "POST /api/auth/login/": () => answer(502, "<html>") } });
  assert.equal(await half.session.register("alice", "secret secret"), false);
  assert.equal(half.notice().key, "sign.registered");
  const refused = scene({ answers: { "POST /api/auth/register/": () => refusal(409, "conflict") } });
  await assert.rejects(refused.session.register("alice", "secret secret"), { status: 409 });
  assert.deepEqual(refused.calls("POST /api/auth/login/"), []);
});

test("a page that is opened goes on with the session, asks for a sign-in, or says that there is no server", async () => {
  const here = scene();
  assert.equal(here.phase(), "starting");
  await here.session.boot();
  assert.equal(here.phase(), "chat");
  const nobody = scene({ answers: { "POST /api/auth/refresh/": revoked } });
  await nobody.session.boot();
  assert.deepEqual([nobody.phase(), nobody.notice()], ["sign", null]);
  let renewals = 0;
  const ending = scene({
    answers: { "GET /api/users/me/": revoked, "POST /api/auth/refresh/": () => ((renewals += 1) > 1 ? revoked() : answer(200, { access: tokenOf("1") })) },
  });
  await ending.session.boot();
  assert.equal(ending.phase(), "sign");
  let broken = true;
  const down = scene({ answers: { "POST /api/auth/refresh/": () => (broken ? answer(502, "<html>") : answer(200, { access: tokenOf("1") })) } });
  await down.session.boot();
  assert.deepEqual([down.phase(), down.page.problem.value.status], ["unreachable", 502]);
  broken = false;
  await down.session.boot();
  assert.equal(down.phase(), "chat");
});

test("the profile is kept for the next visit, and there before the server answers, and without it", async () => {
  const store = memoryStore();
  const before = await signedIn({ store });
  assert.deepEqual(await store.get("page/profile"), PROFILE);
  before.page.chat.value.stop();
  before.client.stop();
  const here = scene({ store, answers: { "POST /api/auth/refresh/": () => Promise.reject(new TypeError("no network")) } });
  await here.session.boot();
  await settle();
  assert.deepEqual([here.phase(), here.page.profile.value], ["chat", PROFILE]);
});

test("what the server says of the profile holds against what was kept; what is none changes nothing", async () => {
  const store = memoryStore();
  await store.write([["page/profile", { ...PROFILE, language: "en" }]]);
  const here = await signedIn({ store });
  assert.equal(here.page.profile.value.language, "pt-BR");
  const late = memoryStore();
  const slow = [];
  const behind = scene({ store: { ...late, get: (key) => (key === "page/profile" ? new Promise((resolve) => slow.push(resolve)) : late.get(key)) } });
  await behind.session.signIn("alice", "secret secret");
  await behind.welcome();
  slow[0]({ ...PROFILE, language: "en" });
  await settle();
  assert.equal(behind.page.profile.value.language, "pt-BR");
  for (const said of [null, "<html>", {}, { username: 3 }]) here.session.knowProfile(said);
  assert.deepEqual(here.page.profile.value, PROFILE);
  here.answers["GET /api/users/me/"] = () => answer(200, { ...PROFILE, language: "en" });
  assert.equal((await here.session.loadProfile()).language, "en");
  await here.back();
  here.answers["GET /api/users/me/"] = () => answer(503, "<html>");
  await here.welcome({ outcome: "recovered" });
  assert.equal(here.page.profile.value.language, "en", "one that does not come is asked for with the next connection");
});

test("who must enrol a second step first is led there, may call what is open there, and goes on from there", async () => {
  const here = scene({ answers: { "GET /api/users/me/": barred, "GET /api/auth/factors/": () => answer(200, { totp: false }) } });
  await here.session.signIn("alice", "secret secret");
  assert.deepEqual([here.phase(), here.sockets.length, here.tabs.said], ["enrol", 0, ["signed_in"]]);
  assert.deepEqual((await here.client.call("GET", "/api/auth/factors/")).said, { totp: false });
  await here.session.boot();
  assert.equal(here.phase(), "enrol", "not done yet");
  here.answers["GET /api/users/me/"] = () => answer(200, PROFILE);
  await here.session.boot();
  await here.welcome();
  assert.deepEqual([here.phase(), here.client.state.connection], ["chat", "live"]);
});

test("a session that must enrol meanwhile is led there, and its chat is over", async () => {
  const here = await signedIn();
  const chat = here.page.chat.value;
  await here.client.send("bob", "not lost");
  const meanwhile = [];
  here.client.on("ended", () => meanwhile.push(here.phase(), here.page.chat.value));
  here.answers["GET /api/users/me/"] = barred;
  await here.back();
  await here.last().open();
  await here.last().tell({ type: "error", code: "enrolment_required", detail: "First a second step." });
  await settle();
  assert.deepEqual([here.phase(), here.page.chat.value, meanwhile], ["enrol", null, ["starting", null]]);
  here.answers["GET /api/users/me/"] = () => answer(200, PROFILE);
  await here.session.boot();
  await here.welcome();
  assert.equal(here.phase(), "chat");
  assert.notEqual(here.page.chat.value, chat);
  assert.equal(here.client.unsent, 1, "nothing that waits is destroyed");
});

test("of two chats the earlier one is stopped: one that hears the same news twice would tell them twice", async () => {
  const here = await signedIn();
  const [first] = [here.page.chat.value];
  await here.session.signIn("alice", "secret secret");
  await here.welcome();
  assert.notEqual(here.page.chat.value, first);
  const before = first.state.connection.value;
  await here.last().end();
  assert.equal(first.state.connection.value, before);
});

test("each end is told above the sign-in form, with how much was not sent", async () => {
  for (const [end, key] of [
    [async ({ answers, last }) => ((answers["POST /api/auth/refresh/"] = revoked), last().end(4401)), "sign.ended"],
    [({ last }) => last().end(4403), "sign.forbidden"],
    [({ last }) => last().end(1008), "sign.fault"],
    [async ({ answers, last }) => ((answers["POST /api/auth/refresh/"] = () => answer(200, { access: tokenOf("2") })), last().end(4401)), "sign.changed"],
  ]) {
    const here = await signedIn();
    await here.client.send("bob", "never sent");
    await end(here);
    await settle();
    assert.deepEqual([here.phase(), here.notice(), here.page.chat.value, here.page.profile.value], ["sign", { key, unsent: 1 }, null, null]);
  }
});

test("signing out wipes everything at once, whatever the server says, and says so", async () => {
  let said;
  const here = await signedIn({ answers: { "POST /api/auth/logout/": () => new Promise((resolve) => (said = resolve)) } });
  const left = here.session.signOut();
  await settle();
  assert.deepEqual([here.phase(), here.page.chat.value, here.page.profile.value], ["leaving", null, null]);
  assert.deepEqual(await here.store.list(""), []);
  said(answer(204));
  await left;
  assert.deepEqual([here.phase(), here.notice()], ["sign", { key: "sign.was_out" }]);
});

test("a sign-out whose word does not get through may be said again, by the cookie alone", async () => {
  let down = true;
  const here = await signedIn({ answers: { "POST /api/auth/logout/": () => (down ? answer(502, "<html>") : answer(204)) } });
  await here.session.signOut();
  assert.deepEqual([here.phase(), here.notice()], ["sign", { key: "sign.out_unsure", again: true }]);
  assert.deepEqual(await here.store.list(""), []);
  await here.session.signOut();
  assert.deepEqual(here.notice(), { key: "sign.out_unsure", again: true });
  down = false;
  await here.session.signOut();
  assert.deepEqual([here.phase(), here.notice(), here.calls("POST /api/auth/logout/").length], ["sign", { key: "sign.was_out" }, 3]);
  assert.deepEqual(await here.store.list(""), []);
  here.answers["POST /api/auth/refresh/"] = revoked;
  await here.session.signOut();
  assert.deepEqual(here.notice(), { key: "sign.was_out" }, "there is no session any more");
});

test("whoever must enrol may sign out instead, and say it again as well", async () => {
  let down = true;
  const here = scene({ answers: { "GET /api/users/me/": barred, "POST /api/auth/logout/": () => (down ? answer(502, "<html>") : answer(204)) } });
  await here.session.signIn("alice", "secret secret");
  await here.session.signOut();
  assert.deepEqual([here.phase(), here.notice()], ["sign", { key: "sign.out_unsure", again: true }]);
  assert.deepEqual(here.calls("POST /api/auth/refresh/"), [], "the session at hand is the one to end");
  down = false;
  await here.session.signOut();
  assert.deepEqual([here.notice(), here.calls("POST /api/auth/logout/").length], [{ key: "sign.was_out" }, 2]);
});

test("a session that the person is ending is not told as ended by somebody", async () => {
  const here = await signedIn();
  here.answers["POST /api/auth/refresh/"] = revoked;
  const parted = parting(here, ({ status }) => `sign.${status}`);
  await here.last().end(4401); // the live connection is told first
  assert.equal(here.phase(), "chat");
  parted.answer({ status: 204 });
  assert.deepEqual(await parted.done, { status: 204 });
  assert.deepEqual([here.phase(), here.notice(), here.client.me], ["sign", { key: "sign.204" }, null]);
  assert.deepEqual(await here.store.list(""), []);
});

test("a parting that fails leaves everything as it was", async () => {
  const here = await signedIn();
  const chat = here.page.chat.value;
  const parted = parting(here);
  parted.fail(new Problem("problem", { status: 403, code: "step_up_required" }));
  await assert.rejects(parted.done, { code: "step_up_required" });
  assert.deepEqual([here.phase(), here.page.chat.value, here.client.state.connection, here.notice()], ["chat", chat, "live", null]);
  here.answers["POST /api/auth/refresh/"] = revoked;
  await here.last().end(4401);
  await settle();
  assert.equal(here.notice().key, "sign.ended", "its later end is news again");
});

test("a session that was ended elsewhere while its own end failed leads to the sign-in, from the chat and from the enrolment", async () => {
  const here = await signedIn();
  await here.client.send("bob", "never sent");
  here.answers["POST /api/auth/refresh/"] = revoked;
  here.answers["DELETE /api/auth/account/"] = revoked;
  await assert.rejects(here.session.part(() => here.client.call("DELETE", "/api/auth/account/"), () => "x"), { status: 401 });
  assert.deepEqual([here.phase(), here.notice()], ["sign", { key: "sign.ended", unsent: 1 }]);
  const enrolling = scene({ answers: { "GET /api/users/me/": barred, "DELETE /api/auth/account/": revoked } });
  await enrolling.session.signIn("alice", "secret secret");
  enrolling.answers["POST /api/auth/refresh/"] = revoked;
  await assert.rejects(enrolling.session.part(() => enrolling.client.call("DELETE", "/api/auth/account/"), () => "x"), { status: 401 });
  assert.deepEqual([enrolling.phase(), enrolling.notice().key], ["sign", "sign.ended"]);
});

test("a tab that shows the sign-in follows another one's; one with a chat, or an unknown word, changes nothing", async () => {
  const here = scene({ answers: { "POST /api/auth/refresh/": revoked } });
  await here.session.boot();
  here.answers["POST /api/auth/refresh/"] = () => answer(200, { access: tokenOf("1") });
  await here.tabs.hear("something else");
  assert.equal(here.phase(), "sign");
  await here.tabs.hear("signed_in");
  assert.equal(here.phase(), "chat");
  const chat = here.page.chat.value;
  await here.tabs.hear("signed_in");
  assert.equal(here.page.chat.value, chat);
});

test("whether a name is taken is asked without a session", async () => {
  const here = scene({ answers: { "GET /api/auth/check-username/": ({ search }) => answer(200, { exists: search === "?username=b%C3%B6b" }) } });
  assert.equal(await here.session.exists("böb"), true);
  assert.equal(await here.session.exists("bob"), false);
  assert.deepEqual([await here.session.isTaken("böb"), await here.session.isTaken("bob")], [true, false]);
  const alike = scene({ answers: { "GET /api/auth/check-username/": () => answer(200, { exists: false, available: false }) } });
  assert.deepEqual([await alike.session.exists("b0b"), await alike.session.isTaken("b0b")], [false, true]);
});
