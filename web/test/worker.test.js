/* The service worker's decisions, and the page's side of it, without a browser: what is kept, what is answered, what is shown. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { createInstall } from "../src/install.js";
import { createNotices } from "../src/sw/notices.js";
import { createShell } from "../src/sw/shell.js";
import { registerWorker, tellWorker } from "../src/worker-client.js";

const ORIGIN = "https://chat.example";
const CODE = "the script";
const APP = "/static/app.1.js";
const ICON = "/static/icon.1.svg";
const integrity = (text) => `sha384-${createHash("sha384").update(text).digest("base64")}`;
const turn = () => new Promise(setImmediate);
const never = new Promise(() => {});

const pageOf = (build, { nonce = "n1", told = nonce, status = 200 } = {}) =>
  new Response(`<meta name="recado-build" content="${build}" /><script nonce="${nonce}"></script>`, {
    status,
    headers: { "Content-Security-Policy": `script-src 'nonce-${told}'` },
  });
const foreign = (status = 200) => new Response("<h1>Down for maintenance</h1>", { status });
const navigation = (path = "/", more = {}) => ({ method: "GET", mode: "navigate", url: ORIGIN + path, ...more });
const request = (path, more = {}) => ({ method: "GET", mode: "cors", url: ORIGIN + path, ...more });

const fakeCaches = () => {
  const all = new Map();
  return {
    all,
    open: async (name) => {
      if (!all.has(name)) all.set(name, new Map());
      const rows = all.get(name);
      return { match: async (path) => rows.get(path)?.clone(), put: async (path, response) => void rows.set(path, response) };
    },
    keys: async () => [...all.keys()],
    delete: async (name) => all.delete(name),
  };
};

/* `net(path)` answers as the network does; the browser's check of integrity is played. */
const shellOf = (net, { build = "b1", caches = fakeCaches(), after = () => never } = {}) => {
  const asked = [];
  const fetch = async (what, { integrity: wanted } = {}) => {
    const path = typeof what === "string" ? what : new URL(what.url).pathname;
    asked.push(path);
    const response = await net(path);
    if (wanted && integrity(await response.clone().text()) !== wanted) throw new TypeError("integrity");
    return response;
  };
  const shell = createShell({ build, kept: { [ICON]: integrity(CODE), [APP]: integrity(CODE) }, origin: ORIGIN, caches, fetch, after });
  const rest = [];
  const answer = (wanted) => shell.answer(wanted, (promise) => rest.push(promise));
  return { ...shell, answer, asked, caches, kept: () => Promise.all(rest) };
};
const whole = (build = "b1") => async (path) => (path === "/" ? pageOf(build) : new Response(CODE));
const installed = async (net = whole()) => {
  let now = net;
  const shell = shellOf((path) => now(path));
  await shell.install();
  return { ...shell, turns: (next) => (now = next) };
};
const broken = async () => {
  throw new TypeError("no network");
};

test("a worker keeps the page and its files, and they open without a network", async () => {
  const shell = await installed();
  assert.deepEqual([...shell.caches.all.get("recado-b1").keys()].sort(), ["/", APP, ICON]);
  shell.turns(broken);
  const page = await shell.answer(navigation());
  const nonce = /'nonce-(\w+)'/.exec(page.headers.get("Content-Security-Policy"))[1];
  assert.ok((await page.text()).includes(`nonce="${nonce}"`));
  assert.equal(await (await shell.answer(request(APP))).text(), CODE);
});

test("nothing is installed that is not whole, of this build, and as it was built", async () => {
  const wrong = {
    "a page of another build": whole("b2"),
    "a proxy's page": async (path) => (path === "/" ? foreign() : new Response(CODE)),
    "a page whose policy does not fit": async (path) => (path === "/" ? pageOf("b1", { told: "n2" }) : new Response(CODE)),
    "a page that failed": async (path) => (path === "/" ? pageOf("b1", { status: 503 }) : new Response(CODE)),
    "another file in its place": async (path) => (path === APP ? foreign() : whole()(path)),
    "a file that is not there": async (path) => (path === APP ? new Response(CODE, { status: 404 }) : whole()(path)),
    "no network": broken,
  };
  for (const [what, net] of Object.entries(wrong)) {
    const shell = shellOf(net);
    await assert.rejects(shell.install(), undefined, what);
    assert.equal(shell.caches.all.size, 0, what);
  }
});

test("a new worker throws away what older ones kept, and nothing that is not its own", async () => {
  const shell = await installed();
  for (const name of ["recado-b0", "somebody-elses"]) await shell.caches.open(name);
  await shell.activate();
  assert.deepEqual([...shell.caches.all.keys()].sort(), ["recado-b1", "somebody-elses"]);
});

test("while the network answers the page comes from there, and what is kept is as fresh", async () => {
  const shell = await installed();
  shell.turns(async () => pageOf("b1", { nonce: "n9" }));
  const page = await shell.answer(navigation("/?from=home"));
  assert.match(await page.text(), /nonce="n9"/);
  await shell.kept();
  shell.turns(broken);
  assert.match(await (await shell.answer(navigation())).text(), /nonce="n9"/);
});

test("a newer page is shown and not kept: its files are not here", async () => {
  const shell = await installed();
  shell.turns(whole("b2"));
  assert.match(await (await shell.answer(navigation())).text(), /content="b2"/);
  await shell.kept();
  shell.turns(broken);
  assert.match(await (await shell.answer(navigation())).text(), /content="b1"/);
});

test("whatever else stands in the page's place is neither shown nor kept", async () => {
  const shell = await installed();
  for (const answer of [() => foreign(), () => foreign(502), () => pageOf("b1", { status: 500 }), () => pageOf("b1", { told: "n2" })]) {
    shell.turns(async () => answer());
    assert.match(await (await shell.answer(navigation())).text(), /content="b1"/);
    await shell.kept();
    shell.turns(broken);
    assert.equal((await shell.answer(navigation())).status, 200);
  }
});

test("a proxy that asks people to sign in to it gets to do so", async () => {
  const shell = await installed();
  const away = { status: 0, type: "opaqueredirect", headers: new Headers(), clone: () => away, text: async () => "" };
  for (const response of [away, foreign(401)]) {
    shell.turns(async () => response);
    assert.equal(await shell.answer(navigation()), response);
  }
});

test("a network that says nothing is waited for until the patience ends, and its answer is still kept", async () => {
  const caches = fakeCaches();
  await shellOf(whole(), { caches }).install();
  let impatient;
  let late;
  const shell = shellOf(() => new Promise((resolve) => (late = resolve)), { caches, after: () => new Promise((resolve) => (impatient = resolve)) });
  const answer = shell.answer(navigation());
  await turn();
  impatient();
  assert.match(await (await answer).text(), /nonce="n1"/);
  late(pageOf("b1", { nonce: "n7" }));
  await shell.kept();
  assert.match(await (await (await caches.open("recado-b1")).match("/")).text(), /nonce="n7"/);
});

test("with nothing kept the network's answer stands, whatever it is", async () => {
  const shell = shellOf(async () => foreign(502));
  assert.equal((await shell.answer(navigation())).status, 502);
  await assert.rejects(shellOf(broken).answer(navigation()));
});

test("files that the browser has thrown away are fetched, and kept again", async () => {
  const shell = await installed();
  shell.caches.all.clear();
  assert.equal(await (await shell.answer(request(APP))).text(), CODE);
  await shell.kept();
  shell.turns(broken);
  assert.equal(await (await shell.answer(request(APP))).text(), CODE);
});

test("calls, sockets, other pages and other origins are not touched", async () => {
  const { answer, asked } = shellOf(broken);
  const others = [
    request("/api/users/me/"),
    request("/api/auth/login/", { method: "POST" }),
    request("/static/app.2.js"),
    request("/manifest.webmanifest"),
    request("/sw.js"),
    request("/"),
    navigation("/api/docs/"),
    navigation("/static/app.1.js"),
    navigation("/", { method: "POST" }),
    { ...request(APP), url: `https://elsewhere.example${APP}` },
  ];
  for (const one of others) assert.equal(answer(one), null, one.url);
  assert.deepEqual(asked, []);
});

/* ---- notices ---- */

const noticesOf = (windows = [], { refuses = false } = {}) => {
  const shown = [];
  const done = [];
  const registration = {
    showNotification: async (title, options) => {
      if (refuses) throw new TypeError("no permission");
      shown.splice(0, shown.length, ...shown.filter((one) => one.tag !== options.tag), { title, ...options, close: () => done.push("close") });
    },
    getNotifications: async ({ tag }) => shown.filter((one) => one.tag === tag),
  };
  const clients = { matchAll: async () => windows, openWindow: async (url) => void done.push(`open ${url}`) };
  const navigator = { setAppBadge: async (...n) => void done.push(`badge ${n.join()}`), clearAppBadge: async () => void done.push("no badge") };
  const texts = async (count) => ({ lang: "en", title: "Recado", body: `new: ${count}` });
  return { ...createNotices({ registration, clients, navigator, page: `${ORIGIN}/`, icon: "i", badge: "b", texts }), shown, done };
};
const windowOf = ({ url = `${ORIGIN}/`, focused = false, visibilityState = "hidden", lets = true } = {}) => {
  const heard = [];
  return {
    ...{ url, focused, visibilityState, heard },
    postMessage: (message) => heard.push(message),
    focus: async () => {
      if (!lets) throw new Error("not now");
      heard.push("focus");
      return {};
    },
  };
};
const data = (text) => ({ json: () => JSON.parse(text) });

test("a push shows one notice, in the place of the one before, that says how many and nothing else", async () => {
  const notices = noticesOf();
  await notices.pushed(data('{"new": 1}'));
  await notices.pushed(data('{"new": 3, "title": "<b>", "body": "from alice", "url": "//evil"}'));
  const [notice, ...more] = notices.shown;
  assert.deepEqual(more, []);
  assert.deepEqual(
    [notice.title, notice.body, notice.tag, notice.lang, notice.silent, notice.renotify, notice.data],
    ["Recado", "new: 3", "recado", "en", false, true, undefined],
  );
  assert.deepEqual(notices.done, ["badge 1", "badge 3"]);
});

test("a push without a number that is one still shows a notice", async () => {
  for (const odd of [null, data(""), data("null"), data("[]"), data("{}"), data('{"new": -1}'), data('{"new": 0}'), data('{"new": "7"}'), data('{"new": 1.5}'), data("<html>")]) {
    const notices = noticesOf();
    await notices.pushed(odd);
    assert.deepEqual([notices.shown.length, notices.shown[0].body, notices.done], [1, "new: null", ["badge "]]);
  }
  const many = noticesOf();
  await many.pushed(data('{"new": 1000}'));
  assert.equal(many.shown[0].body, "new: 999+");
});

test("a window that is looked at makes it silent and is told; a notice is shown all the same", async () => {
  const looked = windowOf({ focused: true, visibilityState: "visible" });
  const docs = windowOf({ url: `${ORIGIN}/api/docs/`, focused: true, visibilityState: "visible" });
  const notices = noticesOf([looked, docs]);
  await notices.pushed(data('{"new": 2}'));
  assert.deepEqual([notices.shown.length, notices.shown[0].silent, notices.shown[0].renotify], [1, true, false]);
  assert.deepEqual([looked.heard, docs.heard], [[{ kind: "pushed" }], []]);
  for (const other of [docs, windowOf({ visibilityState: "visible" }), windowOf({ focused: true })]) {
    const beside = noticesOf([other]);
    await beside.pushed(null);
    assert.equal(beside.shown[0].silent, false);
  }
});

test("a permission that was taken back breaks nothing", async () => {
  const notices = noticesOf([], { refuses: true });
  await notices.pushed(null);
  assert.deepEqual(notices.shown, []);
});

test("a click brings the page that is open, else a new one", async () => {
  const notice = { close: () => {} };
  const [hidden, seen] = [windowOf(), windowOf({ visibilityState: "visible" })];
  const open = noticesOf([windowOf({ url: `${ORIGIN}/api/docs/` }), hidden, seen]);
  await open.clicked(notice);
  assert.deepEqual([open.done, hidden.heard, seen.heard], [[], [], ["focus"]]);
  for (const windows of [[], [windowOf({ url: `${ORIGIN}/api/docs/` })], [windowOf({ lets: false })]]) {
    const none = noticesOf(windows);
    await none.clicked(notice);
    assert.deepEqual(none.done, [`open ${ORIGIN}/`]);
  }
});

test("what was read is shown no more; what remains is for the page to mark", async () => {
  const notices = noticesOf();
  await notices.pushed(data('{"new": 2}'));
  await notices.read();
  assert.deepEqual(notices.done, ["badge 2", "close"]);
});

test("a subscription that is lost is told to the page, which alone may make another", async () => {
  const one = windowOf();
  await noticesOf([one]).lost();
  assert.deepEqual(one.heard, [{ kind: "resubscribe" }]);
});

/* ---- the page's side ---- */

const workerOf = (build, state = "installed") => {
  const heard = [];
  const target = Object.assign(new EventTarget(), { state, heard });
  target.postMessage = (message, [port] = []) => (message.kind === "build" ? port.postMessage(build) : heard.push(message.kind));
  return target;
};
const means = { Channel: MessageChannel, after: () => never };
const registered = async ({ waiting = null, installing = null, controller = null, build = "b1", fails = false } = {}) => {
  const registration = Object.assign(new EventTarget(), { waiting, installing, update: async () => void (registration.updates += 1), updates: 0 });
  const serviceWorker = Object.assign(new EventTarget(), {
    controller,
    register: async (address) => {
      if (fails) throw new Error("insecure");
      assert.equal(address, "/sw.js");
      return registration;
    },
  });
  const page = Object.assign(new EventTarget(), { visibilityState: "visible", hasFocus: () => true });
  const clock = { now: 0 };
  const told = [];
  const again = () =>
    registerWorker({
      ...{ serviceWorker, document: page, build, now: () => clock.now, ...means },
      reload: () => told.push("reload"),
      onUpdate: (apply) => told.push(apply),
      onResubscribe: () => told.push("resubscribe"),
    });
  const given = await again();
  return { given, again, serviceWorker, registration, page, clock, told };
};
/* Until the answer of a worker, which comes by a channel, has been heard. */
const until = async (is) => {
  while (!is()) await turn();
};

test("where there can be no worker there is none, and nothing fails", async () => {
  assert.equal(await registerWorker({ serviceWorker: undefined }), null);
  assert.equal((await registered({ fails: true })).given, null);
  assert.doesNotThrow(() => tellWorker({ kind: "read" }, undefined));
  assert.doesNotThrow(() => tellWorker({ kind: "read" }, { controller: null }));
});

test("a newer version is offered, and taken with a reload when the person wants it", async () => {
  const waiting = workerOf("b2");
  const { told, serviceWorker } = await registered({ waiting });
  await until(() => told.length > 0);
  assert.deepEqual(waiting.heard, []);
  told.pop()();
  assert.deepEqual(waiting.heard, ["take_over"]);
  serviceWorker.dispatchEvent(new Event("controllerchange"));
  assert.deepEqual(told, ["reload"]);
});

test("a page that is of the new build already lets its worker take over without a word", async () => {
  const waiting = workerOf("b1");
  const { told, serviceWorker } = await registered({ waiting });
  await until(() => waiting.heard.length > 0);
  serviceWorker.controller = waiting;
  serviceWorker.dispatchEvent(new Event("controllerchange"));
  await turn();
  assert.deepEqual([waiting.heard, told], [["take_over"], []]);
});

test("one that was being installed before the page could hear of it is not overlooked", async () => {
  const installing = workerOf("b2", "installing");
  const { told } = await registered({ installing });
  installing.state = "installed";
  installing.dispatchEvent(new Event("statechange"));
  await until(() => told.length === 1);
});

test("a worker that is registered again is a new one, and is heard once", async () => {
  const controller = workerOf("b1", "activated");
  const { serviceWorker, registration, page, clock, told, again } = await registered({ controller });
  assert.equal(await again(), registration);
  serviceWorker.dispatchEvent(Object.assign(new Event("message"), { data: { kind: "pushed" } }));
  clock.now = 3_600_000;
  page.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual([controller.heard, registration.updates], [["read"], 1]);
  // The sign-out has ended the first registration.
  const fresh = Object.assign(new EventTarget(), { waiting: workerOf("b2"), installing: null });
  serviceWorker.register = async () => fresh;
  assert.equal(await again(), fresh);
  await until(() => told.length === 1);
});

test("one that is installed meanwhile is offered, and so is one that another page has taken", async () => {
  const { told, registration, serviceWorker } = await registered({ controller: workerOf("b1", "activated") });
  registration.installing = workerOf("b2", "installing");
  registration.dispatchEvent(new Event("updatefound"));
  const coming = registration.installing;
  coming.state = "installed";
  coming.dispatchEvent(new Event("statechange"));
  await until(() => told.length === 1);
  serviceWorker.controller = coming;
  coming.state = "activated";
  serviceWorker.dispatchEvent(new Event("controllerchange"));
  await until(() => told.length === 2);
  for (const apply of told.splice(0)) apply();
  assert.deepEqual(told, ["reload", "reload"]);
  assert.deepEqual(coming.heard, []);
});

test("a page that is looked at takes the notice away; one that is not leaves it", async () => {
  const controller = workerOf("b1", "activated");
  const { serviceWorker, page, told } = await registered({ controller });
  const hears = (kind) => serviceWorker.dispatchEvent(Object.assign(new Event("message"), { data: { kind } }));
  hears("pushed");
  page.visibilityState = "hidden";
  hears("pushed");
  hears("resubscribe");
  hears("nonsense");
  assert.deepEqual([controller.heard, told], [["read"], ["resubscribe"]]);
});

test("a page that stays open asks for a new version when it is looked at, once in an hour", async () => {
  const { registration, page, clock } = await registered();
  for (const now of [1_000, 3_600_000, 3_700_000, 7_300_000]) {
    clock.now = now;
    page.dispatchEvent(new Event("visibilitychange"));
  }
  assert.equal(registration.updates, 2);
});

test("the offer to install is kept, made once, and gone when it was taken elsewhere", async () => {
  const target = new EventTarget();
  const { canInstall, installed: among, install } = createInstall({ target, standalone: false });
  const offer = (outcome) => Object.assign(new Event("beforeinstallprompt", { cancelable: true }), { prompt: async () => {}, userChoice: Promise.resolve({ outcome }) });
  assert.equal(await install(), false);
  for (const [outcome, taken] of [["dismissed", false], ["accepted", true]]) {
    const event = offer(outcome);
    target.dispatchEvent(event);
    assert.ok(event.defaultPrevented);
    assert.equal(canInstall.value, true);
    assert.equal(await install(), taken);
    assert.equal(canInstall.value, false);
  }
  target.dispatchEvent(offer("accepted"));
  target.dispatchEvent(new Event("appinstalled"));
  assert.deepEqual([canInstall.value, among.value], [false, true]);
});
