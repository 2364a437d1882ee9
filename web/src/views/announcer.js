/* Reads news out once, politely. Two places in turn, so that the same words twice are heard twice. */
import { html } from "../html.js";

export const Announcer = ({ state }) => {
  const { turn, text } = state.announcement.value;
  return html`<div class="unseen" role="status" data-testid="announcer">
    <p dir="auto">${turn % 2 ? text : ""}</p>
    <p dir="auto">${turn % 2 ? "" : text}</p>
  </div>`;
};
