/* One question before what cannot be taken back. It stays while the answer is on its way, and says what went wrong. */
import { html } from "../html.js";
import { texts } from "../text.js";
import { Dialog } from "./dialog.js";
import { Outcome, useTask } from "./settings/parts.js";

/** `work` is done on yes; then, and on no, `onClose()` is told. */
export const Confirm = ({ heading, text, yes, work, onClose }) => {
  const t = texts.value;
  const task = useTask();
  const answer = async () => (await task.run(work)) && onClose();
  return html`<${Dialog} name="confirm" className="question" labelledby="confirm-heading" onClose=${onClose}>
    <h2 id="confirm-heading">${heading}</h2>
    <p>${text}</p>
    <${Outcome} task=${task} />
    <div class="choices">
      <button type="button" class="button" data-testid="confirm-no" onClick=${onClose}>${t("confirm.no")}</button>
      <button type="button" class="button button-bad" data-testid="confirm-yes" aria-disabled=${task.busy ? "true" : "false"} onClick=${answer}>${yes}</button>
    </div>
  <//>`;
};
