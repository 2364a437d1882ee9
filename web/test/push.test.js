/* Push subscriptions without a browser: what it, the person and the server say is brought to agree. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPush } from "../src/push.js";
import { Problem } from "../recado.js";

const KEY = "BA-_1w"; // base64url of 4, 15, 191, 215
const OTHER_KEY = "BA-_2A";
const bytes = (key) => Uint8Array.from(Buffer.from(key, "base64url"));
const refusal = (status, code) => new Problem("problem", { status, code });
const DEVICE = { session_id: 7, device: "Firefox", current: true };

/* A browser with its push service, a server with its list, and what was said between them. */
const scene = ({ permission = "granted", answer = permission, key = KEY, local = null, listed = false, note = undefined, service = true, locks = null } = {}) => {
  const said = [];
  const world = { key, listed, local: null, made: 0, failures: new Map(), note, permission, beats: null };
  const subscription = (madeFor, endpoint = `https://push.example/${(world.made += 1)}`) => ({
    endpoint,
    options: { applicationServerKey: madeFor === null ? null : bytes(madeFor).buffer },
    toJSON: () => ({ endpoint, expirationTime: null, keys: { p256dh: "p", auth: "a" }, more: "of a later browser" }),
    unsubscribe: async () => {
      if (world.local?.endpoint === endpoint) world.local = null;
      said.push(`gave up ${endpoint}`);
      return true;
    },
  });
  world.subscription = subscription;
  if (local) world.local = subscription(...[local].flat());
  const pushManager = {
    getSubscription: async () => world.local,
    subscribe: async ({ userVisibleOnly, applicationServerKey }) => {
      assert.equal(userVisibleOnly, true);
      if (Notification.permission !== "granted") throw new DOMException("no", "NotAllowedError");
      if (!service) throw new DOMException("no service", "AbortError");
      world.local = subscription(Buffer.from(applicationServerKey).toString("base64url"));
      return world.local;
    },
  };
  const Notification = {
    get permission() {
      return world.permission;
    },
    requestPermission: async () => {
      said.push("asked the person");
      return (world.permission = answer);
    },
  };
  const call = async (method, path, { body } = {}) => {
    const what = `${method} ${path.replace("/api/push/", "")}`;
    said.push(body ? `${what} ${body.endpoint} ${body.public_key}` : what);
    const failure = world.failures.get(what);
    if (failure) throw typeof failure === "function" ? failure() : failure;
    if (what === "GET key/") return { status: 200, said: { public_key: world.key } };
    if (what === "GET subscriptions/") return { status: 200, said: world.listed ? [DEVICE] : [] };
    if (method === "POST") assert.deepEqual(Object.keys(body).filter((name) => name !== "public_key"), ["endpoint", "expirationTime", "keys"]);
    if (method === "DELETE" && !world.listed) throw refusal(404, "not_found");
    world.listed = method === "POST";
    return { status: 204, said: null };
  };
  const registration = { pushManager, active: {} };
  const push = createPush({
    client: { call },
    note: { get: async () => world.note, set: async (value) => void (world.note = value) },
    serviceWorker: { getRegistration: async () => registration },
    PushManager: class {},
    Notification,
    locks,
    after: () => new Promise(() => {}),
  });
  return { push, world, said, state: () => push.state.value };
};

test("a browser that cannot be told says so, and nothing is asked", async () => {
  for (const without of ["serviceWorker", "PushManager", "Notification"]) {
    const { push: whole, said } = scene();
    const parts = { serviceWorker: {}, PushManager: class {}, Notification: {}, locks: null, [without]: null };
    const push = createPush({ client: whole, ...parts });
    for (const act of [push.check, push.subscribe]) {
      await act();
      assert.equal(push.state.value, "unsupported");
    }
    await push.forget();
    assert.deepEqual(said, []);
  }
});

test("subscribing asks the person, then the server for its key, and tells it what the browser made", async () => {
  const { push, world, said, state } = scene({ permission: "default", answer: "granted" });
  await push.subscribe();
  assert.equal(state(), "subscribed");
  assert.deepEqual(said, ["asked the person", "GET key/", `POST subscriptions/ https://push.example/1 ${KEY}`]);
  assert.deepEqual(world.note, { endpoint: "https://push.example/1" });
  assert.equal(Buffer.from(world.local.options.applicationServerKey).toString("base64url"), KEY);
});

test("the person is asked in the click itself, whatever else is under way", async () => {
  const { push, said } = scene({ permission: "default", answer: "granted" });
  const checking = push.check();
  const subscribing = push.subscribe();
  assert.deepEqual(said, ["asked the person"]);
  await Promise.all([checking, subscribing]);
});

test("a person who refuses, or does not answer, is left in peace", async () => {
  for (const [answer, wanted] of [["denied", "denied"], ["default", "unsubscribed"]]) {
    const { push, said, state } = scene({ permission: "default", answer });
    await push.subscribe();
    assert.deepEqual([state(), said], [wanted, ["asked the person"]]);
  }
});

test("a server that pushes nothing is off, and a subscription is not made", async () => {
  const { push, world, state } = scene();
  world.failures.set("GET key/", refusal(403, "push_off"));
  for (const act of [push.check, push.subscribe]) {
    await act();
    assert.equal(state(), "off");
  }
  assert.equal(world.made, 0);
});

test("a key that changes in this moment is asked for once more, and only once", async () => {
  const { push, world, said, state } = scene();
  const refuse = (times) =>
    world.failures.set("POST subscriptions/", () => {
      if ((times -= 1) === 0) world.failures.delete("POST subscriptions/");
      world.key = OTHER_KEY;
      return refusal(409, "conflict");
    });
  refuse(1);
  await push.subscribe();
  assert.equal(state(), "subscribed");
  assert.equal(said.at(-1), `POST subscriptions/ https://push.example/2 ${OTHER_KEY}`);
  refuse(9);
  await assert.rejects(push.subscribe(), { status: 409 });
  assert.equal(said.filter((one) => one.startsWith("POST")).length, 4);
  assert.deepEqual([state(), push.problem.value.status, world.local, world.note], ["failed", 409, null, null]);
});

test("what the server has not taken is given up in the browser as well", async () => {
  const { push, world, state } = scene();
  world.failures.set("POST subscriptions/", new Problem("network"));
  await assert.rejects(push.subscribe(), { kind: "network" });
  assert.deepEqual([state(), world.local], ["failed", null]);
  world.failures.clear();
  await push.subscribe();
  assert.equal(state(), "subscribed");
});

test("a push service that cannot be reached is told as such", async () => {
  const { push, state } = scene({ service: false });
  await assert.rejects(push.subscribe(), { code: "push_service" });
  assert.deepEqual([state(), push.problem.value.code], ["failed", "push_service"]);
});

test("a worker that never comes is told as well, and does not block the rest", async () => {
  const { push: whole } = scene();
  const push = createPush({
    client: { call: async () => ({ status: 200, said: { public_key: KEY } }) },
    serviceWorker: { ready: Promise.resolve({ active: {} }), getRegistration: async () => undefined },
    PushManager: class {},
    Notification: { permission: "granted" },
    locks: null,
    after: async () => undefined,
  });
  await assert.rejects(push.subscribe(), { code: "push_service" });
  await push.check();
  assert.equal(push.state.value, "unsubscribed");
  await whole.forget();
});

test("a worker that is still being installed is waited for", async () => {
  let looks = 0;
  const made = { endpoint: "e", toJSON: () => ({ keys: { p256dh: "p", auth: "a" } }) };
  const pushManager = { getSubscription: async () => null, subscribe: async () => made };
  const push = createPush({
    client: { call: async () => ({ status: 200, said: { public_key: KEY } }) },
    serviceWorker: { getRegistration: async () => ({ pushManager, active: (looks += 1) > 3 ? {} : null }) },
    PushManager: class {},
    Notification: { permission: "granted" },
    locks: null,
    after: async () => undefined,
  });
  await push.subscribe();
  assert.equal(push.state.value, "subscribed");
});

test("unsubscribing ends it on both sides, also when the server knew of nothing", async () => {
  for (const listed of [true, false]) {
    const { push, world, said, state } = scene({ local: KEY, listed, note: { endpoint: "https://push.example/1" } });
    await push.unsubscribe();
    assert.deepEqual([state(), world.local, world.note], ["unsubscribed", null, null]);
    assert.deepEqual(said, ["DELETE subscriptions/", "gave up https://push.example/1"]);
  }
});

test("one that the server could not be told of goes on", async () => {
  const { push, world, state } = scene({ local: KEY, listed: true });
  world.failures.set("DELETE subscriptions/", new Problem("network"));
  await assert.rejects(push.unsubscribe(), { kind: "network" });
  assert.equal(state(), "failed");
  assert.ok(world.local);
  await push.check();
  assert.equal(state(), "subscribed");
});

test("what agrees is left alone", async () => {
  const { push, said, state } = scene({ local: KEY, listed: true, note: { endpoint: "https://push.example/1" } });
  await push.check();
  assert.equal(state(), "subscribed");
  assert.deepEqual(said, ["GET key/", "GET subscriptions/"]);
  const none = scene();
  await none.push.check();
  assert.equal(none.state(), "unsubscribed");
});

test("what this session asked for is renewed when the key, the browser or the server has moved on", async () => {
  const known = { endpoint: "https://push.example/old" };
  const cases = {
    "another key": { local: OTHER_KEY, listed: true },
    "lost by the browser": { local: null, listed: true },
    "lost by both": { local: null, listed: false, note: known },
  };
  for (const [what, how] of Object.entries(cases)) {
    const { push, world, said, state } = scene(how);
    await push.check();
    assert.equal(state(), "subscribed", what);
    assert.equal(said.at(-1), `POST subscriptions/ ${world.local.endpoint} ${KEY}`, what);
    assert.ok(!said.includes("asked the person"));
  }
  // The browser has another endpoint than the one that was told: it is told, and not made anew.
  for (const listed of [true, false]) {
    const { push, world, said } = scene({ local: [KEY, "https://push.example/new"], listed, note: known });
    await push.check();
    assert.equal(said.at(-1), `POST subscriptions/ https://push.example/new ${KEY}`);
    assert.deepEqual([world.made, world.note], [0, { endpoint: "https://push.example/new" }]);
  }
});

test("a browser that does not tell its key is believed to have the right one", async () => {
  const { push, said, state } = scene({ local: null, listed: true, note: { endpoint: "https://push.example/1" } });
  const silent = scene({ listed: true, note: { endpoint: "https://push.example/1" } });
  silent.world.local = silent.world.subscription(null);
  await silent.push.check();
  assert.deepEqual([silent.state(), silent.said], ["subscribed", ["GET key/", "GET subscriptions/"]]);
  await push.check();
  assert.deepEqual([state(), said.length], ["subscribed", 4]);
});

test("a subscription that somebody else has left in this browser is given up, never taken over", async () => {
  const { push, world, said, state } = scene({ local: KEY });
  await push.check();
  assert.deepEqual([state(), world.local], ["unsubscribed", null]);
  assert.ok(!said.some((one) => one.startsWith("POST")));
  const subscribing = scene({ local: KEY });
  await subscribing.push.subscribe();
  assert.deepEqual([subscribing.said[0], subscribing.world.local.endpoint], ["gave up https://push.example/1", "https://push.example/2"]);
});

test("a device that was removed on another one stays removed", async () => {
  const { push, world, state } = scene({ local: KEY, listed: false, note: { endpoint: "https://push.example/1" } });
  await push.check();
  assert.deepEqual([state(), world.local, world.note], ["unsubscribed", null, null]);
});

test("where nothing speaks of pushes nobody is asked, unless somebody wants to know", async () => {
  const { push, world, said, state } = scene({ permission: "default" });
  await push.check();
  assert.deepEqual([state(), said], ["unsubscribed", []]);
  world.failures.set("GET key/", refusal(403, "push_off"));
  await push.check({ thoroughly: true });
  assert.equal(state(), "off");
});

test("what several tabs do at once is done one after the other as well", async () => {
  const order = [];
  const locks = { request: async (name, work) => (order.push(name), work()) };
  const { push } = scene({ locks });
  await push.subscribe();
  await push.unsubscribe();
  assert.deepEqual(order, ["recado-push", "recado-push"]);
});

test("a permission that was taken back ends it everywhere", async () => {
  for (const [permission, wanted] of [["denied", "denied"], ["default", "unsubscribed"]]) {
    const { push, world, state } = scene({ permission, local: KEY, listed: true, note: { endpoint: "https://push.example/1" } });
    await push.check();
    assert.deepEqual([state(), world.listed, world.local, world.note], [wanted, false, null, null]);
  }
});

test("a check that fails says so and throws nothing", async () => {
  const { push, world, state } = scene({ local: KEY, listed: true });
  world.failures.set("GET subscriptions/", new Problem("network"));
  await push.check();
  assert.deepEqual([state(), push.problem.value.kind, world.local === null], ["failed", "network", false]);
  world.failures.clear();
  await push.check();
  assert.deepEqual([state(), push.problem.value], ["subscribed", null]);
});

test("at a sign-out nothing rings in this browser any more, and the server need not hear of it", async () => {
  const { push, world, said, state } = scene({ local: KEY, listed: true, note: { endpoint: "https://push.example/1" } });
  await push.forget();
  assert.deepEqual([state(), world.local], ["checking", null]);
  assert.deepEqual(said, ["gave up https://push.example/1"]);
  const broken = scene({ local: KEY });
  broken.world.local.unsubscribe = async () => Promise.reject(new Error("broken"));
  await broken.push.forget();
  assert.equal(broken.state(), "checking");
});

test("devices are listed and removed; this one with its subscription", async () => {
  const { push, world, said, state } = scene({ local: KEY, listed: true });
  assert.deepEqual(await push.devices(), [DEVICE]);
  await push.remove({ session_id: 9, current: false });
  assert.equal(said.at(-1), "DELETE subscriptions/9/");
  assert.ok(world.local);
  await push.remove(DEVICE); // the list was old: it is gone already
  assert.deepEqual([state(), world.local], ["unsubscribed", null]);
});

test("what is asked at once is done one after the other", async () => {
  const { push, world, said, state } = scene();
  await Promise.all([push.subscribe(), push.subscribe(), push.unsubscribe()]);
  const [one, two] = ["https://push.example/1", "https://push.example/2"];
  assert.deepEqual(said, [
    ...["GET key/", `POST subscriptions/ ${one} ${KEY}`],
    ...[`gave up ${one}`, "GET key/", `POST subscriptions/ ${two} ${KEY}`],
    ...["DELETE subscriptions/", `gave up ${two}`],
  ]);
  assert.deepEqual([state(), world.local], ["unsubscribed", null]);
});
