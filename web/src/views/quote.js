/* The message that another one answers, in short; a way to it. */
import { html } from "../html.js";
import { keyOf } from "../names.js";
import { texts } from "../text.js";

const MOST = 200;

const wordsOf = (t, { status, message }) => {
  if (status !== "ready") return t(`quote.${status}`);
  return message.content.length > MOST ? `${message.content.slice(0, MOST)}…` : message.content;
};

/** `onGo` leads to the message, where there is a way. */
export const Quote = ({ quote, me, onGo }) => {
  const t = texts.value;
  const { status, message } = quote.value;
  const mine = message && keyOf(message.sender) === keyOf(me);
  const inside = html`
    ${message && html`<bdi class="quote-name">${mine ? t("message.you") : message.sender}</bdi>`}
    <span class=${status === "ready" ? "quote-text" : "quote-text quote-missing"} dir="auto">${wordsOf(t, quote.value)}</span>
  `;
  if (!onGo || status !== "ready") return html`<div class="quote" data-testid="quote" data-state=${status}>${inside}</div>`;
  return html`<button type="button" class="quote" data-testid="quote" data-state=${status} aria-label=${t("quote.go", { text: wordsOf(t, quote.value) })} onClick=${onGo}>
    ${inside}
  </button>`;
};
