/* A round sign for a person: the first letter of the name on the person's colour. */
import { html } from "../html.js";
import { initialOf, toneOf } from "../names.js";

export const Avatar = ({ name }) =>
  html`<span class=${`avatar tone-${toneOf(name)}`} aria-hidden="true">${initialOf(name)}</span>`;
