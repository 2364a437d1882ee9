/* The two panes: the list of conversations and the open one. On a phone one of them is seen, and the browser's Back goes between them. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { texts } from "../text.js";
import { Announcer } from "./announcer.js";
import { Banner, ConnectionSign } from "./banner.js";
import { Confirm } from "./confirm.js";
import { Conversations } from "./conversations.js";
import { Leave, Mark, Sliders } from "./icons.js";
import { NewConversation } from "./new-conversation.js";
import { Settings } from "./settings/settings.js";
import { NoThread, Thread } from "./thread.js";
import { Toasts } from "./toasts.js";
import { Update } from "./update.js";

/* The browser's history knows only that a conversation is open, not which: names would outlive the sign-out there.
   A conversation is one step; one that was left by another way than Back, as by its deletion, takes its step back. */
const useHistory = (chat, opened, peer) => {
  const last = useRef(null); // whom the last one was with
  const leaving = useRef(false); // a step back of ours is on its way: the browser takes it a little later
  const agree = () => {
    if (leaving.current) return;
    const [open, stepped] = [chat.state.thread.peek() !== null, history.state?.thread === true];
    if (open && !stepped) history.pushState({ thread: true }, "");
    if (open || !stepped) return;
    leaving.current = true;
    history.back();
  };
  useLayoutEffect(() => {
    history.replaceState(null, "");
    const moved = () => {
      if (leaving.current) {
        leaving.current = false;
        return agree(); // another one may have been opened meanwhile
      }
      if (history.state?.thread && last.current) chat.open(last.current);
      else chat.close();
    };
    addEventListener("popstate", moved);
    return () => {
      removeEventListener("popstate", moved);
      history.replaceState(null, "");
    };
  }, [chat]);
  // Together with what is drawn: whoever goes forward a moment after must not be sent back.
  useLayoutEffect(() => {
    if (opened) last.current = peer;
    agree();
  }, [opened]);
};

/* Leaving a conversation puts the focus where it came from: the last place it had in the list. */
const useReturn = (opened, home) => {
  const was = useRef(null);
  const origin = useRef(null);
  useLayoutEffect(() => {
    if (was.current && !opened) (origin.current?.isConnected ? origin.current : home.current).focus();
    was.current = opened;
  }, [opened]);
  return (event) => (origin.current = event.target);
};

const Person = ({ session, chat, onSettings }) => {
  const t = texts.value;
  const [asked, setAsked] = useState(false); // whether what is not sent may be lost
  return html`<header class="side-head">
    <${Mark} size=${32} />
    <div class="side-me">
      <bdi data-testid="me">${chat.state.me}</bdi>
      <${ConnectionSign} state=${chat.state} />
    </div>
    <button class="button button-round button-quiet" data-testid="settings-open" aria-haspopup="dialog" aria-label=${t("settings.open")} onClick=${onSettings}><${Sliders} /></button>
    <button class="button button-quiet" data-testid="sign-out" onClick=${() => (chat.unsent > 0 ? setAsked(true) : session.signOut())}><${Leave} /><span>${t("sign.out")}</span></button>
  </header>
  ${asked && html`<${Confirm} heading=${t("sign.out_heading")} text=${t.count("sign.out_unsent", chat.unsent)} yes=${t("sign.out")} work=${session.signOut} onClose=${() => setAsked(false)} />`}`;
};

export const Chat = ({ session, application, chat }) => {
  const t = texts.value;
  const { state } = chat;
  const thread = state.thread.value;
  const opened = thread?.key ?? null;
  const [settings, setSettings] = useState(null); // the part of the settings that is shown
  const heading = useRef(null);
  const pane = useRef(null);
  useHistory(chat, opened, thread?.peer);
  const remember = useReturn(opened, heading);
  useLayoutEffect(() => heading.current.focus(), []);
  const skip = (event) => {
    event.preventDefault();
    (document.getElementById("composer") ?? pane.current).focus();
  };
  return html`<div class="chat" data-testid="chat-view" data-shown=${opened ? "thread" : "list"}>
    <a class="skip" href="#thread" onClick=${skip}>${t("app.skip")}</a>
    <${Banner} chat=${chat} />
    <${Update} application=${application} />
    <${Toasts} chat=${chat} onSettings=${setSettings} />
    <main class="panes">
      <h1 class="unseen">${t("app.name")}</h1>
      <section class="side" aria-labelledby="list-heading" onFocusIn=${remember}>
        <${Person} session=${session} chat=${chat} onSettings=${() => setSettings("profile")} />
        <${NewConversation} session=${session} chat=${chat} />
        <h2 id="list-heading" ref=${heading} tabindex="-1">${t("list.heading")}</h2>
        <${Conversations} chat=${chat} />
      </section>
      <section class="thread" id="thread" ref=${pane} tabindex="-1" aria-label=${thread ? t("thread.messages", { name: thread.peer }) : t("thread.none")}>
        ${thread ? html`<${Thread} key=${opened} chat=${chat} thread=${thread} conversation=${state.conversation.value} onBack=${chat.close} />` : html`<${NoThread} />`}
      </section>
    </main>
    <${Announcer} state=${state} />
    ${settings && html`<${Settings} session=${session} application=${application} me=${state.me} part=${settings} onClose=${() => setSettings(null)} />`}
  </div>`;
};
