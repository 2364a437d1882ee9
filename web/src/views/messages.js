/* The messages of the open conversation, with days and older pages. */
import { html } from "../html.js";
import { isMine } from "../messages.js";
import { problemText } from "../problems.js";
import { texts } from "../text.js";
import { dayName, laidOut } from "../when.js";
import { Down } from "./icons.js";
import { Message } from "./message.js";
import { usePlace, useReach } from "./scroll.js";

const keyOfItem = (item) => (item.clientId ? `c${item.clientId}` : `m${item.id}`);

const Older = ({ thread, chat, mark }) => {
  const t = texts.value;
  const loading = thread.olderStatus === "loading";
  return html`<div class="older" ref=${mark}>
    ${thread.olderStatus === "failed" && html`<p role="alert">${t("thread.older_failed")}</p>`}
    <button class="button button-quiet" data-testid="older" aria-disabled=${loading ? "true" : "false"} onClick=${chat.loadOlder}>
      ${t(loading ? "thread.older_loading" : "thread.older")}
    </button>
  </div>`;
};

const State = ({ thread, chat }) => {
  const t = texts.value;
  if (thread.status === "failed") {
    return html`<div class="middle" role="alert" data-testid="thread-failed">
      <p>${t("thread.failed")} ${thread.problem ? problemText(t, thread.problem) : ""}</p>
      <button class="button" onClick=${chat.retryThread}>${t("thread.retry")}</button>
    </div>`;
  }
  return html`<p class="middle" role="status">${t(thread.status === "ready" ? "thread.empty" : "thread.loading")}</p>`;
};

export const Messages = ({ chat, thread }) => {
  const t = texts.value;
  const { me } = chat.state;
  const all = [...thread.items, ...thread.pending];
  const tail = all.at(-1);
  const place = usePlace({
    first: all.length ? keyOfItem(all[0]) : null,
    last: tail ? keyOfItem(tail) : null,
    mine: tail ? isMine(tail, me) : false,
  });
  const mark = useReach(place.box, chat.loadOlder, thread.older);
  const now = Date.now();
  return html`<div class="messages-frame">
    <div class="messages" ref=${place.box} tabindex="0" role="log" aria-live="off" aria-label=${t("thread.messages", { name: thread.peer })} data-testid="message-list">
      ${all.length === 0 && html`<${State} thread=${thread} chat=${chat} />`}
      ${thread.older && html`<${Older} thread=${thread} chat=${chat} mark=${mark} />`}
      ${all.length > 0 && !thread.older && thread.status === "ready" && html`<p class="beginning">${t("thread.beginning")}</p>`}
      <ol>
        ${laidOut(all).flatMap(({ item, newDay, newRun }) => [
          newDay && html`<li key=${`d${keyOfItem(item)}`} class="day"><span>${dayName(t.locale, item.at, now)}</span></li>`,
          html`<${Message}
            key=${keyOfItem(item)}
            item=${item}
            mine=${isMine(item, me)}
            newRun=${newRun}
            onRetry=${() => chat.retry(thread.key, item.clientId)}
            onDiscard=${() => chat.discard(thread.key, item.clientId)}
          />`,
        ])}
      </ol>
    </div>
    ${place.below.value &&
    html`<button class="jump button" data-testid="jump" onClick=${place.toBottom} aria-label=${t("thread.jump")}><${Down} />${t("thread.newest")}</button>`}
  </div>`;
};
