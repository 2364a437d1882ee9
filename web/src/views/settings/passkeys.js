/* A person's passkeys: add, name, remove. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../../html.js";
import { canPasskeys } from "../../passkeys.js";
import { fieldText } from "../../problems.js";
import { texts } from "../../text.js";
import { Field } from "../field.js";
import { Act, Loaded, momentOf, Outcome, useFaultFocus, useLevel, useLoad, useTask } from "./parts.js";

const NAME_MOST = 64;

/* A form of one name; an empty one is refused before the server is asked. */
const NameForm = ({ field, label, hint, value = "", task, word, onName, onCancel, testid }) => {
  const t = texts.value;
  const form = useRef(null);
  useFaultFocus(task, form);
  useLayoutEffect(() => {
    if (!onCancel) return; // one that is always there
    const input = form.current.elements.namedItem(field);
    input.focus();
    input.select();
  }, []);
  const submit = (event) => {
    event.preventDefault();
    const name = form.current.elements.namedItem(field).value.trim();
    if (!name) return task.tell({ faults: new Map([[field, fieldText(t, { field: "name", code: "required" })]]) });
    void onName(name, form.current);
  };
  return html`<form ref=${form} class="stack" novalidate onSubmit=${submit}>
    <${Field} label=${label} name=${field} hint=${hint} defaultValue=${value} maxlength=${NAME_MOST} autocomplete="off" dir="auto" error=${task.wrong(field)} />
    <div class="choices">
      <button class="button" data-testid=${testid} aria-disabled=${task.busy ? "true" : "false"}>${word}</button>
      ${onCancel && html`<button type="button" class="button button-quiet" onClick=${onCancel}>${t("settings.cancel")}</button>`}
    </div>
  </form>`;
};

const about = (t, one) =>
  [
    t("passkeys.created", { time: momentOf(t, one.created_at) }),
    one.used_at && t("passkeys.used", { time: momentOf(t, one.used_at) }),
    one.synced && t("passkeys.synced"),
  ].filter(Boolean).join(" · ");

const Passkey = ({ one, task, renaming, onRename, onName, onRemove }) => {
  const t = texts.value;
  return html`<li class="row" data-testid="passkey">
    <div class="row-words">
      <p class="row-name"><bdi>${one.name}</bdi></p>
      <p class="field-hint">${about(t, one)}</p>
      ${one.suspect && html`<p class="field-error">${t("passkeys.suspect")}</p>`}
      ${renaming &&
      html`<${NameForm} field="passkey-rename" label=${t("passkeys.new_name")} value=${one.name} task=${task} word=${t("settings.save")} testid="passkey-save" onName=${onName} onCancel=${() => onRename(null)} />`}
    </div>
    ${!renaming &&
    html`<div class="row-choices">
      <${Act} task=${task} className="button-small" data-testid="passkey-rename-open" aria-label=${t("passkeys.rename_label", { name: one.name })} onClick=${() => onRename(one.id)}>${t("passkeys.rename")}<//>
      <${Act} task=${task} className="button-small" data-testid="passkey-remove" aria-label=${t("passkeys.remove_label", { name: one.name })} onClick=${onRemove}>${t("passkeys.remove")}<//>
    </div>`}
  </li>`;
};

/** `onChanged(codes, done)` as in totp.js. */
export const Passkeys = ({ settings, onChanged }) => {
  const t = texts.value;
  const loaded = useLoad(settings.passkeys);
  const task = useTask();
  const adding = useTask();
  const [renamed, setRenamed] = useState(null);
  const heading = useRef(null);
  const add = async (name, form) => {
    let codes = [];
    const work = async () => (codes = await settings.addPasskey(name));
    if (!(await adding.run(work, { says: { conflict: "passkeys.conflict" }, fields: { name: "passkey-name" } }))) return;
    form.reset();
    void loaded.reload();
    onChanged(codes, t("passkeys.added"));
  };
  const rename = async (name) => {
    if (!(await task.run(() => settings.renamePasskey(renamed, name), { done: t("passkeys.renamed"), fields: { name: "passkey-rename" } }))) return;
    setRenamed(null);
    heading.current?.focus();
    void loaded.reload();
  };
  const remove = async (one) => {
    if (!(await task.run(() => settings.removePasskey(one.id), { says: { conflict: "factors.last" } }))) return;
    void loaded.reload();
    onChanged([], t("passkeys.removed"));
  };
  return html`<section class="block" aria-labelledby="passkeys-heading">
    <h4 id="passkeys-heading" aria-level=${useLevel()} ref=${heading} tabindex="-1">${t("passkeys.heading")}</h4>
    <p>${t("passkeys.why")}</p>
    <${Outcome} task=${task} />
    <${Loaded} from=${loaded}>${(all) =>
      all.length === 0
        ? html`<p class="settings-note">${t("passkeys.none")}</p>`
        : html`<ul class="rows">
            ${all.map(
              (one) => html`<${Passkey} key=${one.id} one=${one} task=${task} renaming=${renamed === one.id} onRename=${setRenamed} onName=${rename} onRemove=${() => remove(one)} />`,
            )}
          </ul>`}<//>
    <${Outcome} task=${adding} />
    ${canPasskeys()
      ? html`<${NameForm} field="passkey-name" label=${t("passkeys.name")} hint=${t("passkeys.name_hint")} task=${adding} word=${t("passkeys.add")} testid="passkey-add" onName=${add} />`
      : html`<p class="settings-note">${t("passkeys.unable")}</p>`}
  </section>`;
};
