/* For whoever must set up a second step before anything else is open to them. */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "../../html.js";
import { createSettings } from "../../settings.js";
import { texts } from "../../text.js";
import { Mark } from "../icons.js";
import { Factors } from "./factors.js";
import { Level } from "./parts.js";
import { Proof } from "./proof.js";

export const Enrol = ({ session }) => {
  const t = texts.value;
  const settings = useMemo(() => createSettings(session), [session]);
  const [ready, setReady] = useState(false);
  const heading = useRef(null);
  useLayoutEffect(() => heading.current.focus(), []);
  return html`<main class="sign" data-testid="enrol-view">
    <div class="sign-card enrol">
      <header class="brand"><${Mark} size=${44} /><h1 id="part-heading" ref=${heading} tabindex="-1">${t("sign.enrol_heading")}</h1></header>
      <p>${t("sign.enrol_why")}</p>
      <${Level.Provider} value=${2}><${Factors} settings=${settings} onFactors=${({ totp, passkeys }) => setReady(totp || passkeys > 0)} /><//>
      <div class="choices">
        ${ready && html`<button class="button button-main" data-testid="enrol-done" onClick=${session.boot}>${t("sign.enrol_done")}</button>`}
        <button class="button button-quiet" data-testid="sign-out" onClick=${session.signOut}>${t("sign.out")}</button>
      </div>
    </div>
    <${Proof} settings=${settings} />
  </main>`;
};
