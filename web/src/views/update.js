/* That there is a newer version, and a way to take it. What is being written stays: it is kept. */
import { useEffect, useState } from "preact/hooks";
import { html } from "../html.js";
import { texts } from "../text.js";

export const Update = ({ application }) => {
  const t = texts.value;
  const take = application.update.value;
  const [there, setThere] = useState(false); // words that come together with their place are not read out
  useEffect(() => setThere(take !== null), [take]);
  if (!take) return null;
  return html`<aside class="banner" data-testid="update" aria-label=${t("notices.update")}>
    <p role="status" data-testid="update-words">${there && t("notices.update")}</p>
    <button type="button" class="button button-small" data-testid="update-take" onClick=${take}>${t("notices.update_do")}</button>
  </aside>`;
};
