/* One message: its words as text, when it was written, and how far it has come. */
import { html } from "../html.js";
import { problemText } from "../problems.js";
import { texts } from "../text.js";
import { clockTime, fullTime } from "../when.js";
import { Tick } from "./icons.js";

/* Of a lost connection the banner tells; here stands only what trying again would not mend. */
const reasonOf = (t, problem) => {
  if (!problem || (problem.transient && !problem.retryAfter)) return "";
  return problem.status === 404 ? t("error.no_recipient") : problemText(t, problem);
};

const Failed = ({ problem, onRetry, onDiscard }) => {
  const t = texts.value;
  return html`<span class="message-failed">
    <span>${t("message.failed")} ${reasonOf(t, problem)}</span>
    <span class="message-choices">
      <button class="link" data-testid="retry" onClick=${onRetry}>${t("message.retry")}</button>
      <button class="link" data-testid="discard" onClick=${onDiscard}>${t("message.discard")}</button>
    </span>
  </span>`;
};

const Standing = ({ item, mine }) => {
  const t = texts.value;
  if (item.state === "sending") return html`<span>${t("message.sending")}</span>`;
  return html`<time dateTime=${new Date(item.at).toISOString()} title=${fullTime(t.locale, item.at)}>${clockTime(t.locale, item.at)}</time>
    ${mine && html`<span class="message-sent" title=${t("message.sent")}><${Tick} /><span class="unseen">${t("message.sent")}</span></span>`}`;
};

export const Message = ({ item, mine, newRun, onRetry, onDiscard }) => {
  const t = texts.value;
  const state = item.state ?? "sent";
  const side = mine ? "message-mine" : "message-theirs";
  return html`<li class=${`message ${side}${newRun ? " message-first" : ""}`} data-testid="message" data-mine=${mine ? "true" : "false"} data-state=${state}>
    <div class="bubble">
      <span class="unseen">${mine ? t("message.you") : html`<bdi>${item.sender}</bdi>`}: </span>
      ${item.content === null
        ? html`<p class="message-unreadable">${t("message.unreadable")}</p>`
        : html`<p class="message-text" data-testid="message-text" dir="auto">${item.content}</p>`}
      <span class="message-meta">
        ${state === "failed" ? html`<${Failed} problem=${item.problem} onRetry=${onRetry} onDiscard=${onDiscard} />` : html`<${Standing} item=${item} mine=${mine} />`}
      </span>
    </div>
  </li>`;
};
