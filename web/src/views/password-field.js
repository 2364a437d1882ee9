/* Where a password is typed, which can be looked at: nobody else knows how it was meant. */
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { texts } from "../text.js";
import { Field } from "./field.js";

const ShowPassword = ({ of, shown, onToggle }) => {
  const t = texts.value;
  return html`<button
    type="button"
    class="field-after"
    data-testid=${`${of}-show`}
    aria-label=${t(shown ? "sign.hide_label" : "sign.show_label")}
    aria-controls=${of}
    onClick=${onToggle}
  >
    ${t(shown ? "sign.hide" : "sign.show")}
  </button>`;
};

/** What it is given is a Field's. */
export const PasswordField = ({ name, ...field }) => {
  const [shown, setShown] = useState(false);
  const after = html`<${ShowPassword} of=${name} shown=${shown} onToggle=${() => setShown(!shown)} />`;
  return html`<${Field} name=${name} type=${shown ? "text" : "password"} after=${after} ...${field} />`;
};
