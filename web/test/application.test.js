/* The page as an application: who is signed in decides over pushes, and who looks over notices. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals";
import { createApplication } from "../src/application.js";

const scene = ({ phase = "starting", pushState = "checking" } = {}) => {
  const done = [];
  const page = { phase: signal(phase), chat: signal(null) };
  const push = { state: signal(pushState), check: async () => done.push("check"), forget: async () => done.push("forget") };
  const eyes = { on: true };
  const target = Object.assign(new EventTarget(), { document: new EventTarget() });
  const registered = { times: 0 };
  let heard;
  const application = createApplication({
    session: { page },
    store: {},
    watching: () => eyes.on,
    target,
    install: {},
    push,
    register: async (given) => {
      registered.times += 1;
      heard = given;
    },
    tell: ({ kind }) => done.push(kind),
    mark: (count) => done.push(count),
  });
  const chat = (connection) => ({ state: { connection: signal({ connection }), unreadTotal: signal(0) } });
  return { application, page, push, done, eyes, target, chat, registered, heard: () => heard };
};
const read = (unread) => ["read", unread];

test("how pushes stand is asked once the server can be reached, and again when that failed", () => {
  const { page, push, done, chat } = scene();
  const one = chat("connecting");
  page.phase.value = "chat";
  page.chat.value = one;
  assert.ok(!done.includes("check"));
  one.state.connection.value = { connection: "live" };
  assert.equal(done.filter((what) => what === "check").length, 1);
  for (const [state, times] of [["subscribed", 1], ["failed", 2]]) {
    push.state.value = state;
    one.state.connection.value = { connection: "waiting" };
    one.state.connection.value = { connection: "live" };
    assert.equal(done.filter((what) => what === "check").length, times);
  }
});

test("whoever is gone is told nothing more in this browser, whatever the way they went", () => {
  for (const phase of ["sign", "leaving"]) {
    const { page, done } = scene();
    page.phase.value = "unreachable";
    assert.deepEqual(done, []);
    page.phase.value = phase;
    assert.deepEqual(done, ["forget", ...read(0)]);
  }
});

test("a sign-out takes the worker away: whoever signs in next gets it again", () => {
  const { page, registered } = scene();
  assert.equal(registered.times, 1);
  for (const phase of ["sign", "chat", "leaving", "sign"]) page.phase.value = phase;
  assert.equal(registered.times, 2);
});

test("who looks at the page is shown no notice, and the badge says what is unread", () => {
  const { page, done, eyes, target, chat } = scene();
  const one = chat("connecting");
  page.chat.value = one;
  one.state.unreadTotal.value = 2;
  assert.deepEqual(done.splice(0), [...read(0), ...read(2)]);
  eyes.on = false;
  one.state.unreadTotal.value = 3;
  target.dispatchEvent(new Event("focus"));
  assert.deepEqual(done.splice(0), [3]);
  eyes.on = true;
  target.dispatchEvent(new Event("focus"));
  target.document.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual(done, [...read(3), ...read(3)]);
});

test("a page that nobody looks at leaves what a push has marked until it knows of another number", () => {
  const { page, done, eyes, chat } = scene();
  eyes.on = false;
  const one = chat("connecting");
  page.chat.value = one;
  assert.deepEqual(done, []);
  one.state.unreadTotal.value = 1;
  one.state.unreadTotal.value = 0;
  assert.deepEqual(done, [1, 0]);
});

test("a newer version is offered, and a lost subscription renewed for whoever is signed in", () => {
  const { application, page, done, heard } = scene();
  const apply = () => {};
  heard().onUpdate(apply);
  assert.equal(application.update.value, apply);
  heard().onResubscribe();
  assert.deepEqual(done, []);
  page.phase.value = "chat";
  heard().onResubscribe();
  assert.deepEqual(done, ["check"]);
});
