/* One message: what it answers, its words, when it was written, how far it has come, and what can be done with it. */
import { html } from "../html.js";
import { texts } from "../text.js";
import { today } from "../today.js";
import { clockTime, fullTime } from "../when.js";
import { Bin, Clock, Copy, DoubleTick, Pencil, Reply, Tick, Warning } from "./icons.js";
import { Menu } from "./menu.js";
import { Quote } from "./quote.js";
import { RichText } from "./rich-text.js";
import { TimeLeft } from "./timer.js";

const SIGNS = new Map([["sending", Clock], ["failed", Warning], ["sent", Tick], ["delivered", DoubleTick], ["read", DoubleTick]]);

/* Why the server refuses it for good: the library says its code. */
const reasonOf = (t, { code, detail, field }) => {
  if (field === "reply_to") return t("message.reply_gone");
  if (code === "not_found") return t("error.no_recipient");
  return t.has(`error.${code}`) ? t(`error.${code}`) : detail;
};

const Failed = ({ chat, item }) => {
  const t = texts.value;
  return html`<p class="message-failed">
    <span>${t("message.failed")} ${item.problem ? reasonOf(t, item.problem) : ""}</span>
    <span class="message-choices">
      <button type="button" class="link" data-testid="retry" onClick=${() => chat.retry(item.client_id)}>${t("message.retry")}</button>
      <button type="button" class="link" data-testid="discard" onClick=${() => chat.discard(item.client_id)}>${t("message.discard")}</button>
    </span>
  </p>`;
};

const Standing = ({ chat, item, at }) => {
  const t = texts.value;
  void today.value; // the time is that of the zone that one is in
  const word = t(`message.${item.state}`);
  const Sign = item.mine && SIGNS.get(item.state);
  return html`<span class="message-meta">
    ${item.expires_at && html`<${TimeLeft} from=${item.timestamp} until=${item.expires_at} now=${chat.serverNow} />`}
    ${item.edited_at && html`<span title=${fullTime(t.locale, Date.parse(item.edited_at))}>${t("message.edited")}</span>`}
    ${item.timestamp && html`<time dateTime=${item.timestamp} title=${fullTime(t.locale, at)}>${clockTime(t.locale, at)}</time>`}
    ${Sign && html`<span class="message-sign" title=${word}><${Sign} /><span class="unseen">${word}</span></span>`}
  </span>`;
};

/** What can be done with a message; `doing` has reply, edit, copy, remove and takeBack. */
export const actionsOf = (t, item, doing) => {
  const stored = item.id !== undefined;
  return [
    stored && { key: "reply", text: t("message.reply"), icon: Reply, onChoose: () => doing.reply(item) },
    { key: "copy", text: t("message.copy"), icon: Copy, onChoose: () => doing.copy(item) },
    stored && item.mine && { key: "edit", text: t("message.edit"), icon: Pencil, onChoose: () => doing.edit(item) },
    item.state === "sending" && { key: "take-back", text: t("message.take_back"), icon: Bin, danger: true, onChoose: () => doing.takeBack(item) },
    stored && item.mine && { key: "delete", text: t("message.delete"), icon: Bin, danger: true, onChoose: () => doing.remove(item) },
  ].filter(Boolean);
};

const firstWords = (text) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

/** What the row of a message has beside what is in it. */
export const attributesOf = ({ item, newRun }) => ({
  class: `message ${item.mine ? "message-mine" : "message-theirs"}${newRun ? " message-first" : ""}`,
  "data-testid": "message",
  "data-mine": item.mine ? "true" : "false",
  "data-state": item.state,
});

export const Message = ({ chat, item, at, doing, items }) => {
  const t = texts.value;
  const menu = html`<${Menu}
    label=${t("message.actions", { text: firstWords(item.content) })}
    name="message-menu"
    arrows=${false}
    className="button button-round button-quiet message-menu"
    items=${actionsOf(t, item, doing)}
  />`;
  return html`
    ${item.mine && menu}
    <div class="bubble">
      <span class="unseen">${item.mine ? t("message.you") : html`<bdi>${item.sender}</bdi>`}: </span>
      ${item.reply_to && html`<${Quote} quote=${chat.quote(item.reply_to, items)} me=${chat.state.me} onGo=${() => doing.go(item.reply_to)} />`}
      <p class="message-text" data-testid="message-text" dir="auto"><${RichText} text=${item.content} /></p>
      ${item.state !== "failed" && html`<${Standing} chat=${chat} item=${item} at=${at} />`}
      ${item.state === "failed" && html`<${Failed} chat=${chat} item=${item} />`}
    </div>
    ${!item.mine && menu}
  `;
};
