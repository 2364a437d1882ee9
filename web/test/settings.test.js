/* The settings without a page: a call that must be proved waits, goes on, and is given up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../src/problems.js";
import { createSettings } from "../src/settings.js";

const refusal = (code, status = 403) => new Problem("problem", { status, code });

const scene = (answers) => {
  const asked = [];
  const call = async (method, path, { body } = {}) => {
    asked.push([method, path, body]);
    const next = answers.shift();
    if (next instanceof Error) throw next;
    return { status: 200, said: next ?? null, next: null };
  };
  const parted = [];
  const part = async (work, noticeOf) => parted.push(noticeOf(await work()));
  return { settings: createSettings({ api: { call }, session: { page: {}, part } }), asked, parted };
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
    const { settings, parted } = scene([]);
    const erased = settings.erase();
    settings.asking.value.done({ status });
    await erased;
    assert.deepEqual(parted, [key]);
  }
});

test("rows that are no rows are none", async () => {
  const { settings } = scene(["<html>", { rows: 1 }, null]);
  assert.deepEqual(await settings.sessions(), []);
  assert.deepEqual((await settings.events()).rows, []);
  assert.deepEqual(await settings.passkeys(), []);
});
