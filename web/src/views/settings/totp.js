/* Codes from an authenticator app: set up in two steps, given up in one. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../../html.js";
import { fieldText } from "../../problems.js";
import { texts } from "../../text.js";
import { Field } from "../field.js";
import { Act, Outcome, useFaultFocus, useLevel, useTask } from "./parts.js";

/* As a picture, so that the server's markup never becomes part of the page. */
const pictureOf = (svg) => `data:image/svg+xml,${encodeURIComponent(svg)}`;

const inFours = (secret) => secret.replace(/(.{4})(?=.)/g, "$1 ");

const Enrolment = ({ settings, offer, onDone, onCancel }) => {
  const t = texts.value;
  const form = useRef(null);
  const task = useTask();
  useFaultFocus(task, form);
  useLayoutEffect(() => form.current.querySelector("h5").focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    const otp = form.current.elements.namedItem("totp-code").value.replace(/\s/g, "");
    if (!otp) return task.tell({ faults: new Map([["totp-code", fieldText(t, { field: "code", code: "required" })]]) });
    let codes = [];
    const work = async () => (codes = await settings.confirmTotp(otp));
    // Any refusal of what was typed is said where it was typed.
    if (await task.run(work, { fields: { invalid: "totp-code", wrong_code: "totp-code" } })) onDone(codes);
  };
  return html`<form ref=${form} class="stack" novalidate onSubmit=${submit} data-testid="totp-enrolment">
    <h5 tabindex="-1" aria-level=${useLevel(1)}>${t("totp.scan")}</h5>
    <img class="qr" src=${pictureOf(offer.qr_svg)} alt=${t("totp.picture")} width="200" height="200" data-testid="totp-picture" />
    <p>${t("totp.secret")} <code data-testid="totp-secret" data-secret=${offer.secret}>${inFours(offer.secret)}</code></p>
    ${offer.uri.startsWith("otpauth:") && html`<p><a href=${offer.uri}>${t("totp.link")}</a></p>`}
    <${Outcome} task=${task} />
    <${Field} label=${t("code.otp")} name="totp-code" inputmode="numeric" autocomplete="one-time-code" error=${task.wrong("totp-code")} />
    <div class="choices">
      <button class="button button-main" data-testid="totp-confirm" aria-disabled=${task.busy ? "true" : "false"}>${t("totp.confirm")}</button>
      <button type="button" class="button button-quiet" onClick=${onCancel}>${t("settings.cancel")}</button>
    </div>
  </form>`;
};

/** `onChanged(codes, done)`: what there is has changed; `codes` are new recovery codes. */
export const Totp = ({ settings, on, onChanged }) => {
  const t = texts.value;
  const task = useTask();
  const [offer, setOffer] = useState(null);
  const add = () => task.run(async () => setOffer(await settings.beginTotp()));
  const remove = async () => {
    if (await task.run(settings.removeTotp, { says: { conflict: "factors.last" } })) onChanged([], t("totp.removed"));
  };
  const done = (codes) => {
    setOffer(null);
    onChanged(codes, t("totp.added"));
  };
  return html`<section class="block" aria-labelledby="totp-heading">
    <h4 id="totp-heading" aria-level=${useLevel()} tabindex="-1">${t("totp.heading")}</h4>
    <${Outcome} task=${task} />
    ${offer
      ? html`<${Enrolment} settings=${settings} offer=${offer} onDone=${done} onCancel=${() => setOffer(null)} />`
      : html`<p>${t(on ? "totp.on" : "totp.off")}</p>
          ${on
            ? html`<${Act} task=${task} data-testid="totp-remove" onClick=${remove}>${t("totp.remove")}<//>`
            : html`<${Act} task=${task} data-testid="totp-add" onClick=${add}>${t("totp.add")}<//>`}`}
  </section>`;
};
