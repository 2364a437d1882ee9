/* The head of a conversation: with whom, whether they are there, and what can be done with all of it. */
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { texts } from "../text.js";
import { durationText, lastSeenText } from "../when.js";
import { Avatar } from "./avatar.js";
import { Confirm } from "./confirm.js";
import { Back, Bell, BellOff, Bin, Block, Clock } from "./icons.js";
import { Menu } from "./menu.js";
import { TimerDialog } from "./timer.js";

const presenceText = (t, { typing, note, conversation }, now) => {
  if (note) return t("list.note");
  if (conversation?.blocked) return t("thread.blocked");
  if (typing) return t("thread.typing");
  if (conversation?.online) return t("thread.online");
  return conversation?.lastSeen ? t("thread.last_seen", { day: lastSeenText(t.locale, conversation.lastSeen, now) }) : "";
};

/* Which question is open, as what it asks. */
const Question = ({ kind, chat, peer, timer, onClose }) => {
  const t = texts.value;
  if (kind === "timer") {
    return html`<${TimerDialog} heading=${t("timer.heading")} text=${t("timer.conversation", { name: peer })} chosen=${timer} onChoose=${(seconds) => chat.setTimer(peer, seconds)} onClose=${onClose} />`;
  }
  const work = { block: () => chat.block(peer, true), delete: () => chat.deleteConversation(peer) }[kind];
  return html`<${Confirm}
    heading=${t(`thread.${kind}_heading`, { name: peer })}
    text=${t(`thread.${kind}_text`, { name: peer })}
    yes=${t(`thread.${kind}`)}
    work=${work}
    onClose=${onClose}
  />`;
};

export const ThreadHead = ({ chat, thread, conversation, note, heading, onBack }) => {
  const t = texts.value;
  const [asked, setAsked] = useState(null);
  const { key } = thread;
  const peer = conversation?.peer ?? thread.peer; // as they write it themselves, as soon as that is known
  const { blocked, muted, timer = null, displayName } = conversation ?? {};
  const typing = chat.state.typing.value.has(key);
  const attempt = (work) => work().catch((problem) => chat.announceProblem(problem));
  const items = [
    !note && {
      key: "mute",
      text: t(muted ? "thread.unmute" : "thread.mute"),
      icon: muted ? Bell : BellOff,
      onChoose: () => attempt(() => chat.mute(peer, !muted)),
    },
    { key: "timer", text: t("thread.timer"), icon: Clock, onChoose: () => setAsked("timer") },
    !note && {
      key: "block",
      text: t(blocked ? "thread.unblock" : "thread.block"),
      icon: Block,
      danger: !blocked,
      onChoose: () => (blocked ? attempt(() => chat.block(peer, false)) : setAsked("block")),
    },
    { key: "delete", text: t("thread.delete"), icon: Bin, danger: true, onChoose: () => setAsked("delete") },
  ].filter(Boolean);
  return html`<header class="thread-head">
    <button type="button" class="button button-round button-quiet thread-back" data-testid="back" aria-label=${t("thread.back")} onClick=${onBack}><${Back} /></button>
    <${Avatar} name=${peer} online=${conversation?.online} />
    <div class="thread-who">
      <h2 ref=${heading} tabindex="-1" data-testid="peer"><bdi>${peer}</bdi></h2>
      <p class="thread-note" data-testid="presence">
        ${displayName && html`<bdi class="thread-display">${displayName}</bdi>`}
        <span aria-live=${typing ? "off" : "polite"}>${presenceText(t, { typing, note, conversation }, chat.serverNow())}</span>
      </p>
    </div>
    ${timer !== null && html`<p class="thread-timer" data-testid="timer" title=${t("timer.on", { time: durationText(t.locale, timer, "long") })}>
      <${Clock} /><span aria-hidden="true">${durationText(t.locale, timer, "narrow")}</span><span class="unseen">${t("timer.on", { time: durationText(t.locale, timer, "long") })}</span>
    </p>`}
    <${Menu} label=${t("thread.actions", { name: peer })} name="thread-menu" items=${items} />
    ${asked && html`<${Question} kind=${asked} chat=${chat} peer=${peer} timer=${timer} onClose=${() => setAsked(null)} />`}
  </header>`;
};
