/* The second step of a sign-in: codes from an app, passkeys, recovery codes. */
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../../html.js";
import { texts } from "../../text.js";
import { Act, Loaded, Outcome, useLevel, useLoad, useTask } from "./parts.js";
import { Passkeys } from "./passkeys.js";
import { RecoveryCodes } from "./recovery-codes.js";
import { Totp } from "./totp.js";

const Left = ({ left, task, onRenew }) => {
  const t = texts.value;
  return html`<section class="block" aria-labelledby="recovery-heading">
    <h4 id="recovery-heading" aria-level=${useLevel()}>${t("recovery.heading")}</h4>
    <p data-testid="codes-left">${t.count("recovery.left", left)}</p>
    <${Act} task=${task} data-testid="renew-codes" onClick=${onRenew}>${t("recovery.renew")}<//>
  </section>`;
};

/** `onFactors(factors)` is told what there is, whenever it is known. */
export const Factors = ({ settings, me, onFactors }) => {
  const t = texts.value;
  const loaded = useLoad(settings.factors);
  const task = useTask();
  const [codes, setCodes] = useState([]);
  const top = useRef(null);
  useEffect(() => loaded.value && onFactors?.(loaded.value), [loaded.value]);
  const changed = (fresh, done) => {
    if (fresh.length > 0) setCodes(fresh);
    else top.current?.focus();
    task.tell({ done });
    void loaded.reload();
  };
  const renew = () => task.run(async () => setCodes(await settings.renewCodes()));
  const kept = () => {
    setCodes([]);
    top.current?.focus();
  };
  if (loaded.problem?.code === "second_factor_off") return html`<p class="settings-note">${t("factors.off")}</p>`;
  return html`<p class="settings-note" ref=${top} tabindex="-1">${t("factors.why")}</p>
    <${Outcome} task=${task} />
    ${codes.length > 0 && html`<${RecoveryCodes} codes=${codes} me=${me} onKept=${kept} />`}
    <${Loaded} from=${loaded}>${({ totp, passkeys, recovery_codes: left }) =>
      html`<${Totp} settings=${settings} on=${totp} onChanged=${changed} />
        <${Passkeys} settings=${settings} onChanged=${changed} />
        ${(totp || passkeys > 0) && html`<${Left} left=${left} task=${task} onRenew=${renew} />`}`}<//>`;
};
