/* Whom a person has blocked. */
import { html } from "../../html.js";
import { texts } from "../../text.js";
import { Avatar } from "../avatar.js";
import { usePages } from "./paged.js";
import { Act, Loaded, Outcome, toHeading, useTask } from "./parts.js";

export const Blocked = ({ settings }) => {
  const t = texts.value;
  const pages = usePages(settings.blocks);
  const task = useTask();
  const unblock = async (name) => {
    if (!(await task.run(() => settings.unblock(name), { done: t("blocked.unblocked", { name }) }))) return;
    toHeading();
    void pages.first.reload();
  };
  return html`<p class="settings-note">${t("blocked.why")}</p>
    <${Outcome} task=${task} />
    <${Loaded} from=${pages.first}>${() =>
      pages.rows.length === 0
        ? html`<p class="settings-note" data-testid="nobody-blocked">${t("blocked.none")}</p>`
        : html`<ul class="rows" ref=${pages.list}>
              ${pages.rows.map(
                ({ username }) => html`<li class="row" key=${username} data-testid="blocked">
                  <${Avatar} name=${username} />
                  <p class="row-words row-name"><bdi>${username}</bdi></p>
                  <${Act} task=${task} className="button-small" data-testid="unblock" aria-label=${t("blocked.unblock_label", { name: username })} onClick=${() => unblock(username)}>${t("blocked.unblock")}<//>
                </li>`,
              )}
            </ul>
            <${Outcome} task=${pages.task} />
            ${pages.next && html`<${Act} task=${pages.task} className="button-quiet" onClick=${pages.loadMore}>${t("blocked.more")}<//>`}`}<//>`;
};
