/* The beginning: joins the browser's parts to the session and draws the page. */
import { effect } from "@preact/signals";
import { render } from "preact";
import { deviceOf } from "./device.js";
import { html } from "./html.js";
import { createSession } from "./session.js";
import { speak, texts } from "./text.js";
import { Page } from "./views/page.js";

/* crypto.randomUUID is missing on plain http; getRandomValues is not. RFC 9562 §5.4. */
const uuid = () => {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};

const connect = (ticket) =>
  new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/chat/?ticket=${encodeURIComponent(ticket)}`);

const watching = () => document.visibilityState === "visible";

const HIDDEN_LONG_MS = 30_000;

const follow = (session) => {
  const chat = () => session.page.chat.peek();
  let hiddenAt = 0;
  addEventListener("online", () => (chat() ? chat().hurry() : session.page.phase.peek() === "unreachable" && session.boot()));
  addEventListener("offline", () => chat()?.lost());
  document.addEventListener("visibilitychange", () => {
    if (!watching()) return void (hiddenAt = Date.now());
    chat()?.looked();
    chat()?.hurry();
    if (Date.now() - hiddenAt > HIDDEN_LONG_MS) void chat()?.reload();
  });
  addEventListener("beforeunload", (event) => chat()?.unsent && event.preventDefault());
};

/* A page kept for the back button would keep what was on it: it is emptied as it is put away and opened anew. */
const leaveNoPicture = (root) => {
  addEventListener("pagehide", ({ persisted }) => persisted && render(null, root));
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
};

const begin = () => {
  const root = document.getElementById("recado");
  const wanted = navigator.languages ?? [navigator.language];
  const session = createSession({
    fetch: (...asked) => fetch(...asked),
    locks: navigator.locks ?? null,
    tabs: "BroadcastChannel" in window ? new BroadcastChannel("recado") : null,
    connect,
    watching,
    uuid,
    device: deviceOf(navigator.userAgent),
  });
  effect(() => {
    const chosen = session.page.profile.value?.language;
    speak(chosen ? [chosen, ...wanted] : wanted);
  });
  effect(() => {
    const unread = session.page.chat.value?.state.unreadTotal.value ?? 0;
    document.documentElement.lang = texts.value.tag;
    document.title = unread ? texts.value("app.unread_title", { n: unread }) : texts.value("app.name");
  });
  follow(session);
  leaveNoPicture(root);
  render(html`<${Page} session=${session} />`, root);
  void session.boot();
};

begin();
