/* Where a code is typed: one from the app, or a recovery code; with the way from one to the other. */
import { html } from "../html.js";
import { texts } from "../text.js";
import { Field } from "./field.js";

/** The kinds of code that a person has, the usual one first. */
export const kindsOf = ({ otp, recovery }) => [otp && "otp", recovery && "recovery"].filter(Boolean);

/** What a call is given: the server's name of the kind. */
export const codeOf = (kind, typed) => {
  const code = typed.trim();
  return kind === "otp" ? { otp: code.replace(/\s/g, "") } : { recovery_code: code };
};

/** What is said of what does not fit: only codes from the app change. */
export const codeFault = (t, kind) => t(kind === "otp" ? "error.wrong_code" : "error.wrong_recovery_code");

export const CodeField = ({ name, kind, kinds, error, onKind }) => {
  const t = texts.value;
  const other = kinds.find((one) => one !== kind);
  return html`<div class="code">
    <${Field}
      key=${kind}
      label=${t(`code.${kind}`)}
      name=${name}
      hint=${t(`code.${kind}_hint`)}
      error=${error}
      autocomplete=${kind === "otp" ? "one-time-code" : "off"}
      inputmode=${kind === "otp" ? "numeric" : "text"}
    />
    ${other && html`<button type="button" class="link" data-testid="other-code" onClick=${() => onKind(other)}>${t(`code.use_${other}`)}</button>`}
  </div>`;
};
