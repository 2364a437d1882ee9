/* One labelled input with its hint, its live check and its error, tied together for assistive technology. */
import { useMemo } from "preact/hooks";
import { html } from "../html.js";

export const Field = ({ label, name, hint, error, check, after, ...input }) => {
  // Whoever is in the field is told at once; all others are led to it, and it is read out with it.
  const told = useMemo(() => error && document.activeElement?.id === name, [error]);
  const described = [error && `${name}-error`, hint && `${name}-hint`, check && `${name}-check`].filter(Boolean).join(" ");
  return html`<div class="field">
    <label for=${name}>${label}</label>
    <div class="field-box">
      <input
        id=${name}
        name=${name}
        data-testid=${name}
        autocapitalize="none"
        spellcheck=${false}
        aria-invalid=${error ? "true" : undefined}
        aria-describedby=${described || undefined}
        ...${input}
      />
      ${after}
    </div>
    ${error && html`<p class="field-error" role=${told ? "alert" : undefined} id=${`${name}-error`} data-testid=${`${name}-error`}>${error}</p>`}
    ${hint && html`<p class="field-hint" id=${`${name}-hint`}>${hint}</p>`}
    ${check}
  </div>`;
};
