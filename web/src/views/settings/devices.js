/* Where a person is signed in, and how that ends. */
import { html } from "../../html.js";
import { texts } from "../../text.js";
import { Act, Loaded, momentOf, Outcome, useLoad, toHeading, useTask } from "./parts.js";

/* When it was used last is told roughly: never as before it began. */
const usedAt = ({ used_at: used, created_at: began }) => (Date.parse(used) < Date.parse(began) ? began : used);

const Device = ({ one, task, onEnd }) => {
  const t = texts.value;
  const name = one.device || t("devices.unnamed");
  return html`<li class="row" data-testid="device" data-current=${one.current ? "true" : "false"}>
    <div class="row-words">
      <p class="row-name"><bdi>${name}</bdi>${one.current && html`<span class="badge">${t("devices.this")}</span>`}</p>
      <p class="field-hint">${one.network && `${t("devices.network", { network: one.network })} · `}${t("devices.used", { time: momentOf(t, usedAt(one)) })}</p>
      <p class="field-hint">${t("devices.since", { time: momentOf(t, one.created_at) })}</p>
    </div>
    ${!one.current &&
    html`<${Act} task=${task} className="button-small" data-testid="end-session" aria-label=${t("devices.end_label", { name })} onClick=${onEnd}>${t("devices.end")}<//>`}
  </li>`;
};

export const Devices = ({ settings }) => {
  const t = texts.value;
  const loaded = useLoad(settings.sessions);
  const task = useTask();
  const act = async (work, done) => {
    // One that has ended meanwhile is gone from the list as well.
    await task.run(() => work().catch((problem) => (problem.code === "not_found" ? null : Promise.reject(problem))), { done: t(done) });
    toHeading();
    void loaded.reload();
  };
  return html`<p class="settings-note">${t("devices.why")}</p>
    <${Outcome} task=${task} />
    <${Loaded} from=${loaded}>${(all) =>
      html`<ul class="rows" data-testid="devices">
          ${all.map((one) => html`<${Device} key=${one.id} one=${one} task=${task} onEnd=${() => act(() => settings.endSession(one.id), "devices.ended")} />`)}
        </ul>
        <div class="choices">
          ${all.length > 1 &&
          html`<${Act} task=${task} data-testid="end-others" onClick=${() => act(settings.endOthers, "devices.others_ended")}>${t("devices.end_others")}<//>`}
          <${Act} task=${task} className="button-bad" data-testid="end-all" aria-describedby="end-all-hint" onClick=${() => task.run(settings.endAll)}>${t("devices.end_all")}<//>
        </div>
        <p class="field-hint" id="end-all-hint">${t("devices.end_all_hint")}</p>`}<//>`;
};
