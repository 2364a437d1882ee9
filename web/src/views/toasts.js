/* What a person must know that belongs to no conversation: it stays until it is read and put away, and covers nothing meanwhile. */
import { html } from "../html.js";
import { problemText } from "../problems.js";
import { texts } from "../text.js";
import { Cross } from "./icons.js";

/** What is to be said, the gravest first: {text, grave, part?}. `part`: of the settings, where more is told. */
const wordOf = (t, { trouble, fault, notice }) => {
  if (trouble.value) return { text: problemText(t, trouble.value), grave: true };
  if (notice.value) {
    const key = `notice.${notice.value.kind}`;
    return { text: t(t.has(key) ? key : "notice.other"), grave: false, part: "events" };
  }
  return fault.value && { text: t(`fault.${fault.value}`), grave: fault.value === "storage" };
};

export const Toasts = ({ chat, onSettings }) => {
  const t = texts.value;
  const word = wordOf(t, chat.state);
  const close = () => {
    chat.dismiss();
    (document.getElementById("composer") ?? document.getElementById("list-heading"))?.focus(); // the button goes
  };
  const more = () => {
    close(); // the settings give the focus back to where it was
    onSettings(word.part);
  };
  return html`<div role=${word?.grave ? "alert" : "status"} class=${word ? "toast" : "unseen"} data-testid="toast">
    ${word && html`
      <p>${word.text}</p>
      ${word.part && html`<button type="button" class="button button-small" data-testid="toast-more" onClick=${more}>${t("notice.more")}</button>`}
      <button type="button" class="button button-round button-quiet" data-testid="toast-close" aria-label=${t("notice.close")} onClick=${close}><${Cross} /></button>
    `}
  </div>`;
};
