/* How long messages last: the choice of a time, and a clock that shows what is left of it. */
import { useEffect, useState } from "preact/hooks";
import { html } from "../html.js";
import { texts } from "../text.js";
import { durationText } from "../when.js";
import { Dialog } from "./dialog.js";
import { Clock } from "./icons.js";
import { Outcome, useTask } from "./settings/parts.js";

export const TIMES = [null, 30, 300, 3_600, 86_400, 604_800, 2_592_000];

const wordOf = (t, seconds) => (seconds === null ? t("timer.off") : durationText(t.locale, seconds, "long"));

/** `chosen` in seconds, or null; `onChoose(seconds)` may be a call, and is waited for. */
export const TimerDialog = ({ heading, text, chosen, onChoose, onClose }) => {
  const t = texts.value;
  const task = useTask();
  const [value, setValue] = useState(chosen);
  const times = TIMES.includes(chosen) ? TIMES : [...TIMES, chosen].sort((one, other) => (one ?? 0) - (other ?? 0));
  const submit = async (event) => {
    event.preventDefault();
    if (await task.run(async () => onChoose(value))) onClose();
  };
  return html`<${Dialog} name="timer-dialog" className="question" labelledby="timer-heading" onClose=${onClose}>
    <form onSubmit=${submit}>
      <fieldset class="options">
        <legend id="timer-heading">${heading}</legend>
        <p>${text}</p>
        ${times.map(
          (seconds) => html`<label key=${seconds} class="option">
            <input type="radio" name="timer" value=${seconds ?? "off"} checked=${seconds === value} onChange=${() => setValue(seconds)} />
            <span>${wordOf(t, seconds)}</span>
          </label>`,
        )}
      </fieldset>
      <${Outcome} task=${task} />
      <div class="choices">
        <button type="button" class="button" onClick=${onClose}>${t("confirm.no")}</button>
        <button class="button button-main" data-testid="timer-set" aria-disabled=${task.busy ? "true" : "false"}>${t("timer.set")}</button>
      </div>
    </form>
  <//>`;
};

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/* As often as what is shown changes. */
const stepOf = (left) => (left <= 2 * MINUTE_MS ? SECOND_MS : MINUTE_MS / 2);

/** What is left of a message's time, never more than it was given; `now()` is the server's, which is told in whole seconds. */
export const TimeLeft = ({ from, until, now }) => {
  const t = texts.value;
  const [, tick] = useState(0);
  const left = Math.max(0, Date.parse(until) - Math.max(now(), Date.parse(from)));
  useEffect(() => {
    const timer = setTimeout(() => tick((turn) => turn + 1), stepOf(left));
    return () => clearTimeout(timer);
  });
  const text = durationText(t.locale, Math.ceil(left / SECOND_MS), "narrow");
  return html`<span class="time-left" data-testid="time-left" title=${t("timer.left", { time: text })}>
    <${Clock} /><span aria-hidden="true">${text}</span><span class="unseen">${t("timer.left", { time: text })}</span>
  </span>`;
};
