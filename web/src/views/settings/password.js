/* A new password. What is typed lives in the inputs only. */
import { useRef } from "preact/hooks";
import { html } from "../../html.js";
import { passwordFault } from "../../names.js";
import { fieldText } from "../../problems.js";
import { texts } from "../../text.js";
import { Field } from "../field.js";
import { PasswordField } from "../password-field.js";
import { Outcome, useFaultFocus, useTask } from "./parts.js";

const FIELDS = { wrong_password: "current", current: "current", new: "fresh" };

/* The server's faults of `new` are those of any password. */
const named = (problem) => {
  for (const one of problem.fields ?? []) if (one.field === "new") Object.assign(one, { field: "password" });
  return Promise.reject(problem);
};

export const Password = ({ settings, me }) => {
  const t = texts.value;
  const form = useRef(null);
  const task = useTask();
  useFaultFocus(task, form);
  const submit = async (event) => {
    event.preventDefault();
    const [current, fresh] = ["current", "fresh"].map((name) => form.current.elements.namedItem(name).value);
    const faults = new Map();
    const fault = passwordFault(fresh);
    if (!current) faults.set("current", fieldText(t, { field: "password", code: "required" }));
    if (fault) faults.set("fresh", fieldText(t, { field: "password", code: fault }));
    if (faults.size > 0) return task.tell({ faults });
    const work = () => settings.changePassword(current, fresh).catch(named);
    if (await task.run(work, { done: t("password.changed"), fields: { ...FIELDS, password: "fresh" } })) form.current?.reset();
  };
  return html`<form ref=${form} class="stack" novalidate onSubmit=${submit}>
    <p class="settings-note">${t("password.why")}</p>
    <${Outcome} task=${task} />
    <input class="unseen" type="text" autocomplete="username" tabindex="-1" aria-hidden="true" readonly value=${me} />
    <${Field} label=${t("password.current")} name="current" type="password" autocomplete="current-password" error=${task.wrong("current")} />
    <${PasswordField} label=${t("password.new")} name="fresh" autocomplete="new-password" hint=${t("sign.password_hint")} error=${task.wrong("fresh")} />
    <button class="button button-main" data-testid="change-password" aria-disabled=${task.busy ? "true" : "false"}>${t(task.busy ? "settings.busy" : "password.change")}</button>
  </form>`;
};
