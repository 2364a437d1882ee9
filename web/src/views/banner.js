/* What the connection does: a small sign always, a banner with a way to hurry when it is lost. */
import { html } from "../html.js";
import { texts } from "../text.js";

/* The library's states as a person needs them. */
const SIGNS = new Map([["live", "live"], ["waiting", "offline"], ["offline", "offline"]]);
const signOf = ({ connection }) => SIGNS.get(connection) ?? "connecting";

export const ConnectionSign = ({ state }) => {
  const sign = signOf(state.connection.value);
  return html`<p class="connection" role="status" data-testid="connection" data-state=${sign}>
    <span class="connection-dot" aria-hidden="true"></span>${texts.value(`connection.${sign}`)}
  </p>`;
};

const WORDS = new Map([["offline", "connection.device"], ["waiting", "connection.lost"]]);

export const Banner = ({ chat }) => {
  const t = texts.value;
  const { troubled } = chat.state;
  const { connection } = chat.state.connection.value;
  if (!troubled.value || connection === "live") return null;
  const waiting = WORDS.has(connection);
  return html`<aside class="banner" data-testid="banner" data-state=${connection} aria-label=${t("connection.label")}>
    <p>${t(WORDS.get(connection) ?? "connection.retrying")} <span class="banner-more">${t("connection.kept")}</span></p>
    <button class="button button-small" onClick=${chat.hurry} aria-disabled=${waiting ? "false" : "true"}>
      ${t("connection.now")}
    </button>
  </aside>`;
};
