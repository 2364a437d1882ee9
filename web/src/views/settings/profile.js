/* How a person stands here: their display name, their language, and what they tell of themselves. */
import { useRef } from "preact/hooks";
import { html } from "../../html.js";
import { texts } from "../../text.js";
import { Field } from "../field.js";
import { Language } from "../language.js";
import { Loaded, Outcome, useFaultFocus, useLoad, useTask } from "./parts.js";

const SWITCHES = ["receipts", "presence"];

const Switch = ({ name, on, onChange }) => {
  const t = texts.value;
  return html`<div class="switch">
    <input type="checkbox" role="switch" id=${`switch-${name}`} data-testid=${`switch-${name}`} checked=${on} aria-describedby=${`switch-${name}-hint`} onChange=${onChange} />
    <label for=${`switch-${name}`}>${t(`profile.${name}`)}</label>
    <p class="field-hint" id=${`switch-${name}-hint`}>${t(`profile.${name}_hint`)}</p>
  </div>`;
};

export const Profile = ({ settings, me }) => {
  const t = texts.value;
  const loaded = useLoad(settings.profile);
  const task = useTask();
  const form = useRef(null);
  useFaultFocus(task, form);
  /* One after the other: what is chosen while another is under way is not lost. */
  const turn = useRef(Promise.resolve());
  const save = (fields) =>
    (turn.current = turn.current.then(() => task.run(() => settings.change(fields), { fields: { display_name: "display-name" } })));
  const saved = () => task.tell({ done: texts.peek()("settings.saved") });
  const submit = async (event) => {
    event.preventDefault();
    const typed = form.current.elements.namedItem("display-name").value.trim();
    if (await save({ display_name: typed || null })) saved();
  };
  /* What is drawn is what is stored: a choice that was refused goes back by itself. */
  const choose = async (field, value) => {
    if (await save({ [field]: value })) saved();
  };
  return html`<${Loaded} from=${loaded}>${() => {
    const profile = settings.page.profile.value ?? loaded.value;
    return html`<form ref=${form} class="stack" novalidate onSubmit=${submit}>
        <p class="settings-note">${t("profile.username", { name: me ?? profile.username })}</p>
        <${Outcome} task=${task} />
        <${Field} label=${t("profile.name")} name="display-name" defaultValue=${profile.display_name ?? ""} hint=${t("profile.name_hint")} error=${task.wrong("display-name")} autocomplete="name" dir="auto" />
        <button class="button" data-testid="save-name" aria-disabled=${task.busy ? "true" : "false"}>${t("settings.save")}</button>
      </form>
      <div class="stack">
        <div class="field">
          <${Language}
            id="language"
            label=${t("profile.language")}
            chosen=${profile.language ?? ""}
            none=${t("profile.language_device")}
            onChange=${(tag) => choose("language", tag || null)}
          />
        </div>
        ${SWITCHES.map(
          (name) => html`<${Switch}
            key=${name}
            name=${name}
            on=${profile[name] === true}
            onChange=${({ currentTarget: { checked } }) => choose(name, checked)}
          />`,
        )}
      </div>`;
  }}<//>`;
};
