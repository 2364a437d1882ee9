/* The settings: a dialog with its parts on the left; on a phone first the list of them, then one. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "../../html.js";
import { createSettings } from "../../settings.js";
import { texts } from "../../text.js";
import { Dialog } from "../dialog.js";
import { Back, Cross } from "../icons.js";
import { Appearance } from "./appearance.js";
import { Blocked } from "./blocked.js";
import { Data } from "./data.js";
import { Devices } from "./devices.js";
import { Events } from "./events.js";
import { Factors } from "./factors.js";
import { Notices } from "./notices.js";
import { toHeading } from "./parts.js";
import { Password } from "./password.js";
import { Profile } from "./profile.js";
import { Proof } from "./proof.js";

const PARTS = new Map([
  ["profile", Profile],
  ["appearance", Appearance],
  ["notices", Notices],
  ["devices", Devices],
  ["password", Password],
  ["factors", Factors],
  ["blocked", Blocked],
  ["events", Events],
  ["data", Data],
]);

export const Settings = ({ session, application, me, part: first = "profile", onClose }) => {
  const t = texts.value;
  const settings = useMemo(() => createSettings(session), [session]);
  const [shown, setShown] = useState({ part: first, chosen: first !== "profile", leads: null });
  const menu = useRef(null);
  useEffect(() => settings.dismiss, [settings]);
  const choose = (part) => setShown({ part, chosen: true, leads: toHeading });
  const back = () => setShown({ ...shown, chosen: false, leads: () => menu.current.querySelector("[aria-current]").focus() });
  useLayoutEffect(() => shown.leads?.(), [shown]);
  const Part = PARTS.get(shown.part);
  return html`<${Dialog} name="settings" className="settings" labelledby="settings-heading" onClose=${onClose}>
    <div class="settings-frame" data-shown=${shown.chosen ? "part" : "menu"}>
      <header class="settings-head">
        <button type="button" class="button button-round button-quiet settings-back" data-testid="settings-back" aria-label=${t("settings.back")} onClick=${back}><${Back} /></button>
        <h2 id="settings-heading">${t("settings.heading")}</h2>
        <button type="button" class="button button-round button-quiet" data-testid="settings-close" aria-label=${t("settings.close")} onClick=${onClose}><${Cross} /></button>
      </header>
      <nav class="settings-menu" aria-label=${t("settings.parts")} ref=${menu}>
        <ul>
          ${[...PARTS.keys()].map(
            (part) => html`<li key=${part}>
              <button type="button" data-testid=${`settings-${part}`} aria-current=${part === shown.part ? "true" : undefined} onClick=${() => choose(part)}>
                ${t(`settings.${part}`)}
              </button>
            </li>`,
          )}
        </ul>
      </nav>
      <section class="settings-part" key=${shown.part} tabindex="0" aria-labelledby="part-heading" data-testid="settings-part" data-part=${shown.part}>
        <h3 id="part-heading" tabindex="-1">${t(`settings.${shown.part}`)}</h3>
        <${Part} settings=${settings} me=${me} push=${application.push} install=${application.install} />
      </section>
    </div>
    <${Proof} settings=${settings} />
  <//>`;
};
