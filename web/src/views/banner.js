/* What the connection does: a small sign always, a banner with a way to hurry when it is lost. */
import { html } from "../html.js";
import { texts } from "../text.js";

export const ConnectionSign = ({ state }) =>
  html`<p class="connection" role="status" data-testid="connection" data-state=${state.connection.value}>
    <span class="connection-dot" aria-hidden="true"></span>${texts.value(`connection.${state.connection.value}`)}
  </p>`;

export const Banner = ({ chat }) => {
  const t = texts.value;
  const { connection, troubled } = chat.state;
  if (!troubled.value || connection.value === "live") return null;
  const waiting = connection.value === "offline";
  return html`<aside class="banner" data-testid="banner" aria-label=${t("connection.label")}>
    <p>${t(waiting ? "connection.lost" : "connection.retrying")}</p>
    <button class="button button-small" onClick=${chat.hurry} aria-disabled=${waiting ? "false" : "true"}>
      ${t("connection.now")}
    </button>
  </aside>`;
};
