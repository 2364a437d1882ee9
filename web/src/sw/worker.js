/* The service worker: what a browser wakes it for, and who answers. The build puts in BUILD and KEPT.
   A new one waits until the last page of the older build is closed, or until a page asks it to take over. It never holds a
   token, calls no API and keeps nothing of a person. */
import { bestOf } from "../language.js";
import { readSpoken } from "../spoken.js";
import { workerEn } from "../texts/worker.en.js";
import { workerPtBR } from "../texts/worker.pt-BR.js";
import { createNotices } from "./notices.js";
import { createShell } from "./shell.js";

const CATALOGUES = new Map([["en", workerEn], ["pt-BR", workerPtBR]]);

const texts = async (count) => {
  const spoken = await readSpoken(self.caches);
  const lang = bestOf([...CATALOGUES.keys()], [...(spoken ? [spoken] : []), ...(self.navigator.languages ?? [])]);
  const catalogue = CATALOGUES.get(lang);
  const form = count === null ? "some" : count === 1 ? "one" : "other";
  return { lang, title: catalogue["notice.title"], body: catalogue[`notice.new.${form}`].replace("{n}", count) };
};

const named = (start) => Object.keys(KEPT).find((path) => path.startsWith(`/static/${start}.`));

const shell = createShell({
  build: BUILD,
  kept: KEPT,
  origin: self.location.origin,
  caches: self.caches,
  fetch: (...asked) => self.fetch(...asked),
  after: (ms) => new Promise((resolve) => self.setTimeout(resolve, ms)),
});

const notices = createNotices({
  registration: self.registration,
  clients: self.clients,
  navigator: self.navigator,
  page: `${self.location.origin}/`,
  icon: named("icon-192"),
  badge: named("badge-96"),
  texts,
});

/* From a page of this origin only: nobody else can reach a worker. */
const MESSAGES = {
  build: (_, [port]) => port?.postMessage(BUILD),
  take_over: () => self.skipWaiting(),
  read: () => notices.read(),
};

self.addEventListener("install", (event) => event.waitUntil(shell.install()));
self.addEventListener("activate", (event) => event.waitUntil(shell.activate().then(() => self.clients.claim())));
self.addEventListener("fetch", (event) => {
  const answer = shell.answer(event.request, (rest) => event.waitUntil(rest));
  if (answer) event.respondWith(answer);
});
self.addEventListener("push", (event) => event.waitUntil(notices.pushed(event.data)));
self.addEventListener("notificationclick", (event) => event.waitUntil(notices.clicked(event.notification)));
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(notices.lost()));
self.addEventListener("message", (event) => {
  const kind = event.data?.kind;
  if (Object.hasOwn(MESSAGES, kind)) event.waitUntil(Promise.resolve(MESSAGES[kind](event.data, event.ports)));
});
