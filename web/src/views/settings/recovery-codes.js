/* Recovery codes, shown once: to be copied, taken along as a file, and then forgotten by the page. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { copyText } from "../../copy.js";
import { html } from "../../html.js";
import { texts } from "../../text.js";
import { handOut, Outcome, useLevel, useTask } from "./parts.js";

export const RecoveryCodes = ({ codes, me, onKept }) => {
  const t = texts.value;
  const heading = useRef(null);
  const task = useTask();
  useLayoutEffect(() => heading.current.focus(), [codes]);
  const copy = async () => {
    const copied = await copyText(codes.join("\n"));
    task.tell(copied ? { done: t("recovery.copied") } : { text: t("recovery.copy_failed") });
  };
  const download = () => {
    const text = `${me ? t("recovery.file", { name: me }) : t("recovery.file_unnamed")}\n\n${codes.join("\n")}\n`;
    handOut(new Blob([text], { type: "text/plain" }), "recado-recovery-codes.txt");
  };
  return html`<section class="block block-strong" aria-labelledby="codes-heading" data-testid="recovery-codes">
    <h4 id="codes-heading" aria-level=${useLevel()} ref=${heading} tabindex="-1">${t("recovery.shown")}</h4>
    <p>${t("recovery.once")}</p>
    <ul class="codes">${codes.map((code) => html`<li key=${code}><code data-testid="recovery-code">${code}</code></li>`)}</ul>
    <div class="choices">
      <button type="button" class="button" data-testid="copy-codes" onClick=${copy}>${t("recovery.copy")}</button>
      <button type="button" class="button" data-testid="download-codes" onClick=${download}>${t("recovery.download")}</button>
      <button type="button" class="button button-main" data-testid="codes-kept" onClick=${onKept}>${t("recovery.kept")}</button>
    </div>
    <${Outcome} task=${task} />
  </section>`;
};
