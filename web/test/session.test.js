/* Signing in and out, and whose word ends a session. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../src/problems.js";
import { createSession } from "../src/session.js";

const token = `h.${Buffer.from('{"sub":"ana"}').toString("base64url")}.s`;
const PROFILE = { username: "ana", receipts: true, presence: true, language: "pt-BR" };

const scene = (answers = {}) => {
  const said = {
    "/api/auth/login/": [200, { access: token }],
    "/api/users/me/": [200, PROFILE],
    "/api/auth/refresh/": [401, { code: "unauthenticated" }],
    ...answers,
  };
  const sent = [];
  const fetch = async (path, { body }) => {
    const [status, answer] = said[path] ?? [503, {}];
    sent.push([path, body && JSON.parse(body)]);
    return { ok: status < 400, status, headers: new Headers(), text: async () => JSON.stringify(answer) };
  };
  const session = createSession({ fetch, locks: null, tabs: null, connect: () => ({}), watching: () => true, uuid: () => "u", device: "a browser" });
  return { session, page: session.page, sent };
};

const signedIn = async (answers) => {
  const all = scene(answers);
  await all.session.signIn("ana", "secret secret");
  return all;
};
const over = (page) => page.chat.value?.stop(); // whose timers would keep the test waiting

test("a sign-in names the device and brings the profile, which goes with it", async () => {
  const { session, page, sent } = await signedIn();
  assert.deepEqual(sent[0][1], { username: "ana", password: "secret secret", device: "a browser" });
  assert.equal(page.phase.value, "chat");
  assert.equal(page.profile.value.language, "pt-BR");
  await assert.rejects(session.api.renew(), { status: 401 });
  assert.deepEqual([page.phase.value, page.notice.value.key, page.profile.value], ["sign", "sign.ended", null]);
});

test("a session that the person is ending is not told as ended by somebody", async () => {
  const { session, page } = await signedIn();
  let answer;
  const parted = session.part(() => new Promise((resolve) => (answer = resolve)), () => "sign.erased");
  await assert.rejects(session.api.renew(), { status: 401 }); // the live connection was told first
  assert.equal(page.phase.value, "chat");
  answer({ status: 204 });
  await parted;
  assert.deepEqual([page.phase.value, page.notice.value.key], ["sign", "sign.erased"]);
});

test("a parting that fails leaves everything as it was, unless the session is over", async () => {
  const { session, page } = await signedIn();
  await assert.rejects(session.part(() => Promise.reject(new Problem("network")), () => "x"), { kind: "network" });
  assert.equal(page.phase.value, "chat");
  const gone = new Problem("problem", { status: 401, code: "unauthenticated" });
  await assert.rejects(session.part(() => Promise.reject(gone), () => "x"), { status: 401 });
  assert.deepEqual([page.phase.value, page.notice.value.key], ["sign", "sign.ended"]);
});

test("who must enrol a second step is led there", async () => {
  const { page } = await signedIn({ "/api/users/me/": [403, { code: "enrolment_required" }] });
  assert.equal(page.phase.value, "enrol");
  over(page);
});
