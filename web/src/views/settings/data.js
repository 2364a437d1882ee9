/* Taking everything along, and leaving. */
import { useRef } from "preact/hooks";
import { html } from "../../html.js";
import { keyOf } from "../../names.js";
import { texts } from "../../text.js";
import { Field } from "../field.js";
import { Act, handOut, Outcome, useFaultFocus, useTask } from "./parts.js";

const Export = ({ settings }) => {
  const t = texts.value;
  const task = useTask();
  const take = () => task.run(async () => handOut(await settings.exported(), "recado-export.zip"), { done: t("data.export_done") });
  return html`<section class="block" aria-labelledby="export-heading">
    <h4 id="export-heading">${t("data.export")}</h4>
    <p>${t("data.export_why")}</p>
    <${Outcome} task=${task} />
    <${Act} task=${task} data-testid="export" onClick=${take}>${t(task.busy ? "data.export_busy" : "data.export_do")}<//>
  </section>`;
};

const Erase = ({ settings, me }) => {
  const t = texts.value;
  const form = useRef(null);
  const task = useTask();
  useFaultFocus(task, form);
  const submit = (event) => {
    event.preventDefault();
    const typed = form.current.elements.namedItem("erase-name").value.trim();
    if (keyOf(typed) !== keyOf(me)) return task.tell({ faults: new Map([["erase-name", t("data.erase_wrong")]]) });
    void task.run(settings.erase);
  };
  return html`<section class="block block-bad" aria-labelledby="erase-heading">
    <h4 id="erase-heading">${t("data.erase")}</h4>
    <p>${t("data.erase_why")}</p>
    <form ref=${form} class="stack" novalidate onSubmit=${submit}>
      <${Outcome} task=${task} />
      <${Field} label=${t("data.erase_type", { name: me })} name="erase-name" autocomplete="off" error=${task.wrong("erase-name")} />
      <button class="button button-bad" data-testid="erase" aria-disabled=${task.busy ? "true" : "false"}>${t(task.busy ? "settings.busy" : "data.erase_do")}</button>
    </form>
  </section>`;
};

export const Data = ({ settings, me }) => html`<${Export} settings=${settings} /><${Erase} settings=${settings} me=${me} />`;
