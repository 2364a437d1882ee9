/* The second half of a sign-in: a code, a recovery code or a passkey. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { canPasskeys, passkeyForSignIn } from "../passkeys.js";
import { fieldText, problemText } from "../problems.js";
import { texts } from "../text.js";
import { CodeField, codeFault, codeOf, kindsOf } from "./code-field.js";

/** `step` is {username, token, factors}; `onOver` is told when the password has to be shown again. */
export const SecondStep = ({ session, step, onOver }) => {
  const t = texts.value;
  const form = useRef(null);
  const heading = useRef(null);
  const kinds = kindsOf({ otp: step.factors.includes("otp"), recovery: step.factors.includes("recovery_code") });
  const byPasskey = step.factors.includes("passkey") && canPasskeys();
  const [kind, setKind] = useState(byPasskey && kinds[0] === "recovery" ? null : (kinds[0] ?? null));
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState({ code: "", text: "" });
  const input = () => form.current?.elements.namedItem("code");
  useLayoutEffect(() => (input() ?? heading.current).focus(), [kind]);
  useLayoutEffect(() => void ((wrong.code || wrong.text) && input()?.focus()), [wrong]);

  const choose = (one) => {
    setKind(one);
    setWrong({ code: "", text: "" }); // that was said of another code
  };
  const attempt = async (proofOf) => {
    if (busy) return;
    setBusy(true);
    setWrong({ code: "", text: "" });
    try {
      await session.secondFactor(step.token, await proofOf());
    } catch (problem) {
      if (problem.code === "unauthenticated") return onOver("sign.second_over");
      setBusy(false);
      const atCode = problem.code === "wrong_code" && input();
      setWrong(atCode ? { code: codeFault(t, kind), text: "" } : { code: "", text: problemText(t, problem) });
    }
  };
  const submit = (event) => {
    event.preventDefault();
    const typed = input()?.value ?? "";
    if (!typed.trim()) return setWrong({ code: fieldText(t, { field: "code", code: "required" }), text: "" });
    void attempt(() => codeOf(kind, typed));
  };
  const passkey = () => attempt(async () => ({ credential: await passkeyForSignIn(session.client, step.token) }));

  return html`<form ref=${form} class="sign-form" novalidate onSubmit=${submit} data-testid="second-step">
    <h2 ref=${heading} tabindex="-1">${t("sign.second_heading")}</h2>
    <p role="alert" class=${wrong.text ? "notice notice-bad" : "unseen"} data-testid="sign-error">${wrong.text}</p>
    ${kind
      ? html`<${CodeField} name="code" kind=${kind} kinds=${kinds} error=${wrong.code} onKind=${choose} />
          <button class="button button-main" data-testid="submit" aria-disabled=${busy ? "true" : "false"}>${t(busy ? "sign.in_busy" : "sign.in")}</button>`
      : html`<p>${t("code.passkey_hint")}</p>`}
    ${byPasskey &&
    html`<button type="button" class=${kind ? "button" : "button button-main"} data-testid="use-passkey" aria-disabled=${busy ? "true" : "false"} onClick=${passkey}>
      ${t("code.use_passkey")}
    </button>`}
    ${!kind && kinds.map((one) => html`<button key=${one} type="button" class="link" data-testid="other-code" onClick=${() => choose(one)}>${t(`code.use_${one}`)}</button>`)}
    <button type="button" class="link" data-testid="begin-again" onClick=${() => onOver(null)}>${t("sign.second_again")}</button>
  </form>`;
};
