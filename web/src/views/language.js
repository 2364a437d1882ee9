/* The languages of the page, each in its own words. */
import { html } from "../html.js";
import { CATALOGUES, texts } from "../text.js";

/** `none`: what to call no choice, which then can be chosen. A tag that is not ours stays one of the choices. */
export const Language = ({ id, label, chosen, none, onChange }) => {
  const t = texts.value;
  const known = [...CATALOGUES.keys()];
  return html`<label for=${id}>${label}</label>
    <select id=${id} data-testid=${id} value=${chosen} onChange=${({ currentTarget: { value } }) => onChange(value)}>
      ${none && html`<option value="">${none}</option>`}
      ${known.map((tag) => html`<option key=${tag} value=${tag} lang=${tag}>${t(`language.${tag}`)}</option>`)}
      ${chosen && !known.includes(chosen) && html`<option value=${chosen}>${chosen}</option>`}
    </select>`;
};
