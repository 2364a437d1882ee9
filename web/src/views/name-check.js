/* The live ✅ / ❌ beside a name. In "register" a free name is good; in "peer" an existing one is. */
import { html } from "../html.js";
import { keyOf } from "../names.js";
import { texts } from "../text.js";
import { Cross, Tick } from "./icons.js";

const MEANING = new Map([
  ["register exists", { good: false, word: "taken" }],
  ["register missing", { good: true, word: "free" }],
  ["peer exists", { good: true, word: "exists" }],
  ["peer missing", { good: false, word: "missing" }],
]);

/* The sign is drawn, so that it looks the same where no emoji font is; the character stays in the text. */
const Sign = ({ good }) =>
  html`<span class=${`mark mark-${good ? "good" : "bad"}`} aria-hidden="true">
    <${good ? Tick : Cross} /><span class="unseen">${good ? "✅" : "❌"}</span>
  </span>`;

const wordsOf = ({ status, fault, name }, mode, me, t) => {
  if (status === "waiting") return { state: "checking", quiet: t("check.waiting") };
  if (status === "failed") return { state: "failed", text: t("check.failed") };
  if (status === "fault") return { state: fault, quiet: fault === "too_short" ? "" : t(`field.username.${fault}`) };
  const meaning = MEANING.get(`${mode} ${status}`);
  if (!meaning) return { state: "idle" };
  const self = mode === "peer" && status === "exists" && keyOf(name) === keyOf(me ?? "");
  return { state: meaning.word, good: meaning.good, text: t(self ? "check.self" : `check.${meaning.word}`) };
};

export const NameCheck = ({ check, mode, me, id }) => {
  const { state, good, text, quiet } = wordsOf(check.state.value, mode, me, texts.value);
  return html`<p class="check" id=${id} role="status" data-testid="name-check" data-state=${state}>
    ${good !== undefined && html`<${Sign} good=${good} />`}
    ${text && html`<span>${text}</span>`}
    ${quiet && html`<span class="check-quiet" aria-hidden=${state === "checking" ? "true" : "false"}>${quiet}</span>`}
  </p>`;
};
