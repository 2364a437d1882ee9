/* The beginning: joins the browser's parts to the session and draws the page. */
import { effect } from "@preact/signals";
import { render } from "preact";
import { createClient } from "../recado.js";
import { appearance } from "./appearance.js";
import { createApplication } from "./application.js";
import { deviceOf } from "./device.js";
import { keepFocus } from "./focus.js";
import { html } from "./html.js";
import { createRing } from "./ring.js";
import { createSession } from "./session.js";
import { createSigns } from "./signs.js";
import { createSound } from "./sound.js";
import { keepSpoken } from "./spoken.js";
import { openStore } from "./store.js";
import { speak, texts } from "./text.js";
import { followToday } from "./today.js";
import { Page } from "./views/page.js";

const watching = () => document.visibilityState === "visible" && document.hasFocus();

const follow = (session, store) => {
  const chat = () => session.page.chat.peek();
  const looked = () => watching() && chat()?.looked();
  addEventListener("online", () => session.page.phase.peek() === "unreachable" && session.boot());
  addEventListener("focus", looked);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") return void chat()?.keepNow();
    looked();
    chat()?.hurry();
  });
  addEventListener("pagehide", () => void chat()?.keepNow());
  addEventListener("beforeunload", (event) => !store.shared && chat()?.unsent > 0 && event.preventDefault());
};

/* A page kept for the back button would keep what was on it: it is emptied as it is put away and opened anew. */
const leaveNoPicture = (root) => {
  addEventListener("pagehide", ({ persisted }) => persisted && render(null, root));
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
};

const begin = async () => {
  const root = document.getElementById("recado");
  const wanted = navigator.languages ?? [navigator.language];
  const store = await openStore();
  const signs = createSigns({ document });
  const sound = createSound({ isOn: () => appearance().sound.peek() });
  const tabs = "BroadcastChannel" in window ? new BroadcastChannel("recado") : null;
  const client = createClient({ store });
  const ring = createRing({ tabs, sound, isLeading: () => client.leading });
  const session = createSession({
    client,
    store,
    keeps: store.shared,
    tabs,
    watching,
    device: deviceOf(navigator.userAgent),
    onNews: ring.hear,
  });
  const application = createApplication({ session, store, watching });
  effect(() => {
    const profile = session.page.profile.value;
    const chosen = profile?.language || appearance().language.value;
    speak(chosen ? [chosen, ...wanted] : wanted);
    if (profile) void keepSpoken(texts.peek().tag);
  });
  effect(() => {
    const unread = session.page.chat.value?.state.unreadTotal.value ?? 0;
    document.documentElement.lang = texts.value.tag;
    signs.show({ unread, title: unread ? texts.value("app.unread_title", { n: unread }) : texts.value("app.name") });
  });
  effect(() => session.page.phase.value === "sign" && appearance().keep());
  follow(session, store);
  followToday({ now: () => session.page.chat.peek()?.serverNow() ?? Date.now() });
  leaveNoPicture(root);
  keepFocus(document);
  render(html`<${Page} session=${session} application=${application} />`, root);
  void session.boot();
};

void begin();
