/* The list of conversations, newest first: who, the last words, when, how many unread. */
import { html } from "../html.js";
import { keyOf } from "../names.js";
import { texts } from "../text.js";
import { fullTime, shortTime } from "../when.js";
import { Avatar } from "./avatar.js";
import { BellOff, Tile } from "./icons.js";

const MOST_SHOWN = 999; // as a number in a small sign; what is read out is exact
const STEPS = new Map([["ArrowDown", 1], ["ArrowUp", -1]]);

/* What was refused before a draft, and that before what was said; what waits to be sent after it. */
const lastWords = (t, { key, last, pending, draft }, { me, opened }) => {
  const failed = pending?.state === "failed";
  if (draft && !failed && (opened.value !== key || !(pending ?? last))) return html`<span class="conversation-draft">${t("list.draft")}</span> ${draft}`;
  const newest = pending ?? last;
  if (!newest) return "";
  const mine = keyOf(newest.sender) === keyOf(me);
  const words = mine && key !== keyOf(me) ? t("list.you", { text: newest.content }) : newest.content;
  return failed ? html`<span class="conversation-failed">${t("message.failed")}</span> ${words}` : words;
};

const Item = ({ chat, conversation, now }) => {
  const t = texts.value;
  const { opened } = chat.state;
  const { key, peer, last, pending, unread: count, muted } = conversation;
  const typing = chat.state.typing.value.has(key);
  const at = last && !pending ? Date.parse(last.timestamp) : null; // what waits has no time yet
  return html`<li>
    <button
      class="conversation"
      data-testid="conversation"
      aria-current=${opened.value === key ? "true" : undefined}
      onClick=${() => chat.open(peer)}
    >
      <${Avatar} name=${peer} online=${conversation.online} />
      <span class="conversation-top">
        <bdi class="conversation-name">${peer}</bdi>
        ${at !== null && html`<time dateTime=${new Date(at).toISOString()} title=${fullTime(t.locale, at)}>${shortTime(t.locale, at, now)}</time>`}
      </span>
      <span class="conversation-bottom">
        <span class="conversation-last" dir="auto">${typing ? t("thread.typing") : lastWords(t, conversation, chat.state)}</span>
        ${muted && html`<span class="conversation-muted" title=${t("thread.muted")}><${BellOff} /><span class="unseen">${t("thread.muted")}</span></span>`}
        ${count > 0 &&
        html`<span class=${muted ? "unread unread-muted" : "unread"} data-testid="unread"><span aria-hidden="true">${count > MOST_SHOWN ? `${MOST_SHOWN}+` : count}</span><span class="unseen">${t.count("list.unread", count)}</span></span>`}
      </span>
    </button>
  </li>`;
};

const Empty = () => {
  const t = texts.value;
  return html`<div class="list-empty" data-testid="list-empty">
    <${Tile} />
    <p><strong>${t("list.empty")}</strong></p>
    <p>${t("list.empty_how")}</p>
  </div>`;
};

const Failed = ({ onRetry }) => {
  const t = texts.value;
  return html`<div class="list-note" role="alert">
    <p>${t("list.failed")}</p>
    <button class="button button-small" onClick=${onRetry}>${t("list.retry")}</button>
  </div>`;
};

/* Up and down move between the conversations; Tab works as well. */
const step = (event) => {
  const move = STEPS.get(event.key);
  if (!move || !event.target.matches(".conversation")) return;
  const all = [...event.currentTarget.querySelectorAll(".conversation")];
  const next = all[all.indexOf(event.target) + move];
  if (!next) return;
  event.preventDefault();
  next.focus();
};

export const Conversations = ({ chat }) => {
  const t = texts.value;
  const { conversations, listStatus, more, moreStatus } = chat.state;
  const all = conversations.value;
  const now = chat.serverNow();
  if (listStatus.value === "failed" && all.length === 0) return html`<${Failed} onRetry=${chat.loadList} />`;
  if (listStatus.value === "loading" && all.length === 0) return html`<p class="list-note" role="status">${t("list.loading")}</p>`;
  if (all.length === 0) return html`<${Empty} />`;
  return html`<div class="list">
    <ul aria-label=${t("list.label")} data-testid="conversation-list" onKeyDown=${step}>
      ${all.map((one) => html`<${Item} key=${one.key} chat=${chat} conversation=${one} now=${now} />`)}
    </ul>
    ${moreStatus.value === "failed" && html`<p class="list-note" role="alert">${t("list.failed")}</p>`}
    ${more.value &&
    html`<button class="button button-quiet" data-testid="more-conversations" aria-disabled=${moreStatus.value === "loading" ? "true" : "false"} onClick=${chat.loadMore}>
      ${t(moreStatus.value === "loading" ? "list.loading" : "list.more")}
    </button>`}
  </div>`;
};
