/* The settings without a page: a call that must be proved waits, goes on, and is given up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../src/problems.js";
import { createSettings } from "../src/settings.js";

const refusal = (code, status = 403) => new Problem("problem", { status, code });

const scene = (answers) => {
  const asked = [];
  const call = async (method, path, { body, file } = {}) => {
    asked.push([method, path, body, file]);
    const next = answers.shift();
    if (next instanceof Error) throw next;
    return { status: next?.status ?? 200, said: next ?? null, next: null };
  };
  const parted = [];
  const part = async (work, noticeOf) => parted.push(noticeOf(await work()));
  const known = [];
  const session = { client: { call }, page: {}, part, loadProfile: async () => "the profile", knowProfile: (said) => known.push(said) };
  return { settings: createSettings(session), asked, parted, known };
};

test("a call for which the sign-in is too old goes on after the proof", async () => {
  const { settings, asked } = scene([refusal("step_up_required"), null, null]);
  const ended = settings.endSession(7);
  await new Promise(setImmediate);
  assert.equal(settings.asking.value.kind, "session");
  settings.asking.value.done(await settings.asking.value.attempt({ password: "secret secret" }));
  await ended;
  assert.equal(settings.asking.value, null);
  assert.deepEqual(asked.map(([method, path]) => `${method} ${path}`), [
    "DELETE /api/auth/sessions/7/",
    "POST /api/auth/step-up/",
    "DELETE /api/auth/sessions/7/",
  ]);
});

test("a code that is missing is sent along with what was typed before", async () => {
  const { settings, asked } = scene([refusal("second_factor_required", 401), null]);
  const changed = settings.changePassword("old", "new");
  await new Promise(setImmediate);
  assert.equal(settings.asking.value.kind, "code");
  settings.asking.value.done(await settings.asking.value.attempt({ otp: "123456" }));
  await changed;
  assert.deepEqual(asked.at(-1)[2], { current: "old", new: "new", otp: "123456" });
});

test("a proof that is given up gives up the call, and nothing was done", async () => {
  const { settings, asked, parted } = scene([refusal("step_up_required")]);
  for (const work of [settings.endOthers, settings.erase, settings.removeTotp]) {
    const given = assert.rejects(work(), { kind: "aborted" });
    await new Promise(setImmediate);
    settings.dismiss();
    await given;
    assert.equal(settings.asking.value, null);
  }
  assert.equal(asked.length, 1);
  assert.deepEqual(parted, []);
});

test("an account that is erased later is told so", async () => {
  for (const [status, key] of [[204, "sign.erased"], [202, "sign.erased_soon"]]) {
    const { settings, asked, parted } = scene([refusal("wrong_password", 401), { status }]);
    const erased = settings.erase();
    await assert.rejects(settings.asking.value.attempt({ password: "wrong" }), { code: "wrong_password" });
    assert.deepEqual(parted, [], "a wrong password erases nothing, and may be typed again");
    settings.asking.value.done(await settings.asking.value.attempt({ password: "secret secret" }));
    await erased;
    assert.deepEqual(parted, [key]);
    assert.deepEqual(asked.at(-1).slice(0, 3), ["DELETE", "/api/auth/account/", { password: "secret secret" }]);
  }
});

test("rows that are no rows are none", async () => {
  const { settings } = scene(["<html>", { rows: 1 }, null]);
  assert.deepEqual(await settings.sessions(), []);
  assert.deepEqual((await settings.events()).rows, []);
  assert.deepEqual(await settings.passkeys(), []);
});

test("what the server says of a changed profile is what is known from then on", async () => {
  const { settings, asked, known } = scene([{ username: "ana", presence: false }]);
  await settings.change({ presence: false });
  assert.deepEqual(asked[0].slice(0, 3), ["PATCH", "/api/users/me/", { presence: false }]);
  assert.deepEqual(known, [{ username: "ana", presence: false }]);
  assert.equal(await settings.profile(), "the profile");
  const refused = scene([refusal("invalid", 400)]);
  await assert.rejects(refused.settings.change({ presence: 3 }), { code: "invalid" });
  assert.deepEqual(refused.known, []);
});

test("a sign-out everywhere parts once it is proved, and only when it is done", async () => {
  const { settings, asked, parted } = scene([refusal("step_up_required"), null, null]);
  const ended = settings.endAll();
  await new Promise(setImmediate);
  assert.deepEqual(parted, []);
  settings.asking.value.done(await settings.asking.value.attempt({ password: "secret secret" }));
  await ended;
  assert.deepEqual(parted, ["sign.out_everywhere"]);
  assert.deepEqual(asked.map(([method, path]) => `${method} ${path}`), [
    "POST /api/auth/logout/everywhere/",
    "POST /api/auth/step-up/",
    "POST /api/auth/logout/everywhere/",
  ]);
});

test("the export is asked for as a file", async () => {
  const { settings, asked } = scene(["a blob"]);
  assert.equal(await settings.exported(), "a blob");
  assert.deepEqual(asked, [["POST", "/api/auth/export/", {}, true]]);
});
