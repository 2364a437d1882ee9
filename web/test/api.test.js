/* The calls: tokens, renewal, pages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createApi, nextOf, subjectOf } from "../src/api.js";

const token = (sub, n = 0) => `h.${Buffer.from(JSON.stringify({ sub, n })).toString("base64url")}.s`;
const answer = (status, said, headers = {}) => ({
  ok: status < 400,
  status,
  headers: new Headers(headers),
  text: async () => (said === undefined ? "" : typeof said === "string" ? said : JSON.stringify(said)),
});

const scene = (answers) => {
  const asked = [];
  const ended = [];
  const fetch = async (path, options) => {
    asked.push({ path, ...options });
    const next = answers.shift();
    if (next instanceof Error) throw next;
    return typeof next === "function" ? next(options) : next;
  };
  return { api: createApi({ fetch, onEnded: (why) => ended.push(why) }), asked, ended };
};

test("only rel=next of this server's paths is followed, on this origin", () => {
  assert.equal(nextOf('<http://proxy.internal/api/x/?limit=5&before=3>; rel="next"'), "/api/x/?limit=5&before=3");
  assert.equal(nextOf('</api/x/?a=1>; rel="prev", </api/x/?a=2>; rel="next"'), "/api/x/?a=2");
  assert.equal(nextOf('<https://evil.example/steal>; rel="next"'), null);
  assert.equal(nextOf('</api/x/>; rel="prev"'), null);
  assert.equal(nextOf(null), null);
});

test("a token's subject is read, and rubbish has none", () => {
  assert.equal(subjectOf(token("ana")), "ana");
  for (const rubbish of ["", "a.b", "a.%%%.c", "opaque"]) assert.equal(subjectOf(rubbish), null);
});

test("a call goes on after one renewal, which all waiting calls share", async () => {
  const { api, asked, ended } = scene([
    answer(200, { access: token("ana", 1) }),
    answer(401, {}),
    answer(401, {}),
    answer(200, { access: token("ana", 2) }),
    answer(200, []),
    answer(200, []),
  ]);
  await api.signIn("ana", "secret secret");
  await Promise.all([api.conversations(), api.messages("bob")]);
  assert.equal(asked.filter(({ path }) => path === "/api/auth/refresh/").length, 1);
  assert.equal(asked.at(-1).headers.Authorization, `Bearer ${token("ana", 2)}`);
  assert.deepEqual(ended, []);
});

test("a refused renewal ends the session; a failed one does not", async () => {
  const refused = scene([answer(200, { access: token("ana") }), answer(401, {}), answer(401, {})]);
  await refused.api.signIn("ana", "secret secret");
  await assert.rejects(refused.api.conversations(), { status: 401 });
  assert.deepEqual(refused.ended, ["ended"]);

  const failed = scene([answer(200, { access: token("ana") }), answer(401, {}), new TypeError("network")]);
  await failed.api.signIn("ana", "secret secret");
  await assert.rejects(failed.api.conversations(), { kind: "network" });
  assert.deepEqual(failed.ended, []);
});

test("a cookie that has become another person's ends the session", async () => {
  const { api, ended } = scene([answer(200, { access: token("ana") }), answer(200, { access: token("eve") })]);
  await api.signIn("ana", "secret secret");
  await assert.rejects(api.renew(), { kind: "aborted" });
  assert.deepEqual(ended, ["changed"]);
});

test("the first restore tells signed out from unreachable", async () => {
  assert.equal(await scene([answer(401, {})]).api.restore(), false);
  assert.equal(await scene([answer(200, { access: token("ana") })]).api.restore(), true);
  await assert.rejects(scene([answer(502, "<html>")]).api.restore(), { code: "unavailable" });
  await assert.rejects(scene([new TypeError("network")]).api.restore(), { kind: "network" });
});

test("a 200 that is not JSON is a problem, not a success", async () => {
  const { api } = scene([answer(200, "<html>Welcome to the hotel</html>")]);
  await assert.rejects(api.exists("bob"), { code: "bad_answer" });
});

test("cookie calls carry the header that another site's form cannot send", async () => {
  const { api, asked } = scene([answer(200, { access: token("ana") }), answer(204), answer(401, {})]);
  await api.signIn("ana", "secret secret");
  await api.signOut();
  await api.restore();
  for (const { headers, credentials } of asked) {
    assert.equal(headers["X-Recado-Session"], "cookie");
    assert.equal(credentials, "same-origin");
  }
});

test("a refused proof is told at once: the session is as good as before", async () => {
  for (const code of ["wrong_password", "wrong_code", "second_factor_required"]) {
    const { api, asked, ended } = scene([answer(200, { access: token("ana") }), answer(401, { code, factors: ["otp"] })]);
    await api.signIn("ana", "secret secret");
    await assert.rejects(api.call("POST", "/api/auth/step-up/", { body: {} }), { code, said: { code, factors: ["otp"] } });
    assert.equal(asked.length, 2);
    assert.deepEqual(ended, []);
  }
});
