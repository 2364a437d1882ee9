/* A round sign for a person: the first letter of the name on the person's colour; a dot when they are there. */
import { html } from "../html.js";
import { initialOf, toneOf } from "../names.js";
import { texts } from "../text.js";

export const Avatar = ({ name, online = false }) =>
  html`<span class=${`avatar tone-${toneOf(name)}`}>
    <span aria-hidden="true">${initialOf(name)}</span>
    ${online && html`<span class="avatar-online" data-testid="online"><span class="unseen">${texts.value("thread.online")}</span></span>`}
  </span>`;
