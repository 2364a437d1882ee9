/* What was done in a person's name, in words. */
import { html } from "../../html.js";
import { texts } from "../../text.js";
import { usePages } from "./paged.js";
import { Act, Loaded, Moment, Outcome } from "./parts.js";

/* The catalogue's words, else the server's own: it may know of more than this page. */
const wordsOf = (t, { action, outcome, title }) =>
  [`event.${action}.${outcome}`, `event.${action}`].filter(t.has).map((key) => t(key))[0] ?? title;

const Event = ({ one }) => {
  const t = texts.value;
  const where = [one.device, one.network && t("events.from", { network: one.network })].filter(Boolean).join(", ");
  return html`<li class="row" data-testid="event" data-outcome=${one.outcome}>
    <div class="row-words">
      <p class="row-name">${wordsOf(t, one)}</p>
      <p class="field-hint"><${Moment} at=${one.at} />${where && html`${" · "}<bdi>${where}</bdi>`}</p>
    </div>
  </li>`;
};

export const Events = ({ settings }) => {
  const t = texts.value;
  const pages = usePages(settings.events);
  return html`<p class="settings-note">${t("events.why")}</p>
    <${Loaded} from=${pages.first}>${() =>
      html`${pages.rows.length === 0 && html`<p class="settings-note">${t("events.none")}</p>`}
        <ul class="rows" data-testid="events" ref=${pages.list}>${pages.rows.map((one) => html`<${Event} key=${one.id} one=${one} />`)}</ul>
        <${Outcome} task=${pages.task} />
        ${pages.next && html`<${Act} task=${pages.task} data-testid="more-events" onClick=${pages.loadMore}>${t(pages.task.busy ? "settings.loading" : "events.more")}<//>`}`}<//>`;
};
