/* Being told of new messages: by push on this device, which devices are, and Recado among the applications. */
import { useEffect } from "preact/hooks";
import { html } from "../../html.js";
import { problemText } from "../../problems.js";
import { texts } from "../../text.js";
import { Act, Loaded, momentOf, Outcome, useLoad, toHeading, useTask } from "./parts.js";

const Switch = ({ name, on, task, onChange }) => {
  const t = texts.value;
  const refuse = (event) => (event.currentTarget.checked = on); // what is drawn is what is so
  return html`<div class="switch">
    <input type="checkbox" role="switch" id=${`switch-${name}`} data-testid=${`switch-${name}`} checked=${on} aria-describedby=${`switch-${name}-hint`} aria-disabled=${task?.busy ? "true" : "false"} onChange=${(event) => {
      const wanted = event.currentTarget.checked;
      refuse(event);
      if (!task?.busy) onChange(wanted);
    }} />
    <label for=${`switch-${name}`}>${t(`notices.${name}`)}</label>
    <p class="field-hint" id=${`switch-${name}-hint`}>${t(`notices.${name}_hint`)}</p>
  </div>`;
};

/* Why there is no switch. */
const Instead = ({ push, task }) => {
  const t = texts.value;
  const state = push.state.value;
  if (state === "checking") return html`<p class="settings-note" role="status">${t("settings.loading")}</p>`;
  if (state === "failed")
    return html`<div class="notice notice-bad" role="alert" data-testid="push-failed">
      <p>${problemText(t, push.problem.value)}</p>
      <${Act} task=${task} className="button-small" onClick=${() => task.run(() => push.check({ thoroughly: true }))}>${t("settings.retry")}<//>
    </div>`;
  return html`<p class="notice">${t(`notices.${state}`)}</p>`;
};

const Push = ({ push, task }) => {
  const t = texts.value;
  const state = push.state.value;
  const on = state === "subscribed";
  // The failure stands in the place of the switch, with a way on.
  const turn = (wanted) =>
    task.run(() => (wanted ? push.subscribe() : push.unsubscribe()).catch((problem) => push.state.peek() === "failed" || Promise.reject(problem)));
  return html`<div data-testid="push" data-state=${state}>
    ${on || state === "unsubscribed" ? html`<${Switch} name="push" on=${on} task=${task} onChange=${turn} />` : html`<${Instead} push=${push} task=${task} />`}
  </div>
  <p class="settings-note">${t("notices.why")}</p>`;
};

const Device = ({ one, task, onRemove }) => {
  const t = texts.value;
  const name = one.device || t("devices.unnamed");
  return html`<li class="row" data-testid="push-device" data-current=${one.current ? "true" : "false"}>
    <div class="row-words">
      <p class="row-name"><bdi>${name}</bdi>${one.current && html`<span class="badge">${t("devices.this")}</span>`}</p>
      <p class="field-hint">${t("notices.since", { time: momentOf(t, one.created_at) })}${one.pushed_at && ` · ${t("notices.last", { time: momentOf(t, one.pushed_at) })}`}</p>
    </div>
    <${Act} task=${task} className="button-small" data-testid="push-remove" aria-label=${t("notices.remove_label", { name })} onClick=${onRemove}>${t("notices.remove")}<//>
  </li>`;
};

const Devices = ({ push, task }) => {
  const t = texts.value;
  const loaded = useLoad(push.devices);
  const state = push.state.value;
  useEffect(() => {
    if (state !== "checking" && loaded.value !== null) void loaded.reload();
  }, [state]);
  const remove = async (one) => {
    await task.run(() => push.remove(one), { done: t("notices.removed") });
    toHeading();
    void loaded.reload();
  };
  return html`<section class="block" aria-labelledby="push-devices-heading">
    <h4 id="push-devices-heading">${t("notices.devices")}</h4>
    <${Loaded} from=${loaded}>${(all) =>
      all.length === 0
        ? html`<p class="settings-note">${t("notices.no_devices")}</p>`
        : html`<ul class="rows">${all.map((one) => html`<${Device} key=${one.session_id} one=${one} task=${task} onRemove=${() => remove(one)} />`)}</ul>`}<//>
  </section>`;
};

const Install = ({ install }) => {
  const t = texts.value;
  if (!install.canInstall.value) return null;
  return html`<section class="block" aria-labelledby="install-heading">
    <h4 id="install-heading">${t("notices.install")}</h4>
    <p>${t("notices.install_why")}</p>
    <button type="button" class="button" data-testid="install" onClick=${install.install}>${t("notices.install_do")}</button>
  </section>`;
};

/** `push` of createPush; `install` of createInstall. */
export const Notices = ({ push, install = null }) => {
  const task = useTask();
  useEffect(() => void push.check({ thoroughly: true }), []); // another tab may have changed it
  return html`<${Outcome} task=${task} />
    <${Push} push=${push} task=${task} />
    ${push.state.value !== "off" && html`<${Devices} push=${push} task=${task} />`}
    ${install && html`<${Install} install=${install} />`}`;
};
