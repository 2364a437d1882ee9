/* Is it you? The one question before what is dangerous. It stays until it is answered or given up; a wrong answer can be mended. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../../html.js";
import { canPasskeys } from "../../passkeys.js";
import { fieldText, problemText } from "../../problems.js";
import { texts } from "../../text.js";
import { CodeField, codeFault, codeOf, kindsOf } from "../code-field.js";
import { Dialog } from "../dialog.js";
import { Field } from "../field.js";

const PASSWORD = "proof-password";
const CODE = "proof-code";
const FAULTS = new Map([["wrong_password", PASSWORD], ["wrong_code", CODE]]);

/* What is said in the question itself, because the same answer, or another, may do later; all else ends the question. */
const stays = (problem) => FAULTS.has(problem.code) || problem.code === "second_factor_required" || problem.kind !== "problem" || problem.transient;

const Question = ({ settings, asking, factors }) => {
  const t = texts.value;
  const form = useRef(null);
  const withPassword = asking.kind !== "code";
  // A passkey is as good as all the rest for the session; elsewhere only for who has no codes from an app.
  const passkeyAlone = factors.passkeys > 0 && canPasskeys() && (asking.kind === "session" || (asking.kind === "code" && !factors.totp));
  const passkeyAfter = factors.passkeys > 0 && canPasskeys() && !factors.totp;
  const kinds = kindsOf({ otp: factors.totp, recovery: factors.recovery_codes > 0 });
  const [kind, setKind] = useState(factors.totp ? "otp" : !passkeyAfter && asking.kind === "code" ? "recovery" : null);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState({ fields: new Map(), text: "" });
  const input = (name) => form.current?.elements.namedItem(name);
  const focus = (name) => (input(name) ?? form.current?.querySelector("input, button"))?.focus();
  const begun = useRef(false);
  useLayoutEffect(() => {
    focus(withPassword && !begun.current ? PASSWORD : CODE);
    begun.current = true;
  }, [kind]);
  useLayoutEffect(() => {
    const [first] = wrong.fields.keys();
    if (first) focus(first);
  }, [wrong]);

  const choose = (one) => {
    setKind(one);
    setWrong({ fields: new Map(), text: "" }); // that was said of another code
  };
  const answer = async (work) => {
    if (busy) return;
    setBusy(true);
    setWrong({ fields: new Map(), text: "" });
    try {
      asking.done(await work());
    } catch (problem) {
      if (problem.kind === "aborted" || !stays(problem)) return asking.failed(problem);
      setBusy(false);
      const text = problem.code === "wrong_code" ? codeFault(t, kind) : problemText(t, problem);
      const at = FAULTS.get(problem.code);
      if (problem.code === "second_factor_required" && !kind) setKind(factors.totp ? "otp" : "recovery");
      setWrong(at && input(at) ? { fields: new Map([[at, text]]), text: "" } : { fields: new Map(), text });
    }
  };

  const byPasskey = async (proof) => {
    await settings.provePasskey();
    return asking.kind === "session" ? undefined : asking.attempt(proof);
  };

  const attempt = async (proof) => {
    try {
      return await asking.attempt(proof);
    } catch (problem) {
      if (problem.code !== "second_factor_required" || !passkeyAfter) throw problem;
      return byPasskey(proof);
    }
  };

  const submit = (event) => {
    event.preventDefault();
    const values = new Map([[PASSWORD, input(PASSWORD)?.value], [CODE, input(CODE)?.value]]);
    const fields = new Map();
    if (values.get(PASSWORD) === "") fields.set(PASSWORD, fieldText(t, { field: "password", code: "required" }));
    if (values.get(CODE)?.trim() === "") fields.set(CODE, fieldText(t, { field: "code", code: "required" }));
    if (fields.size > 0) return setWrong({ fields, text: "" });
    const proof = { ...(withPassword && { password: values.get(PASSWORD) }), ...(kind && codeOf(kind, values.get(CODE))) };
    void answer(() => attempt(proof));
  };

  return html`<form ref=${form} class="proof" novalidate onSubmit=${submit}>
    <h2 id="proof-heading">${t("proof.heading")}</h2>
    <p>${t(withPassword ? "proof.why" : "proof.why_code")}</p>
    <p role="alert" class=${wrong.text ? "notice notice-bad" : "unseen"} data-testid="proof-error">${wrong.text}</p>
    ${withPassword &&
    html`<${Field} label=${t("sign.password")} name=${PASSWORD} type="password" autocomplete="current-password" error=${wrong.fields.get(PASSWORD)} />`}
    ${kind
      ? html`<${CodeField} name=${CODE} kind=${kind} kinds=${kinds} error=${wrong.fields.get(CODE)} onKind=${choose} />`
      : kinds.map((one) => html`<button key=${one} type="button" class="link" data-testid="other-code" onClick=${() => choose(one)}>${t(`code.use_${one}`)}</button>`)}
    <div class="proof-choices">
      ${(withPassword || kind) &&
      html`<button class="button button-main" data-testid="proof-confirm" aria-disabled=${busy ? "true" : "false"}>${t(busy ? "proof.busy" : "proof.confirm")}</button>`}
      ${passkeyAlone &&
      html`<button type="button" class="button" data-testid="proof-passkey" aria-disabled=${busy ? "true" : "false"} onClick=${() => answer(() => byPasskey({}))}>
        ${t("code.use_passkey")}
      </button>`}
      <button type="button" class="button button-quiet" data-testid="proof-cancel" onClick=${settings.dismiss}>${t("proof.cancel")}</button>
    </div>
  </form>`;
};

/* Which proofs a person has is asked first: the question is then asked whole. */
const Asked = ({ settings, asking }) => {
  const [factors, setFactors] = useState(null);
  useEffect(() => {
    let alive = true;
    void settings.factorsOrNone().then((found) => alive && setFactors(found));
    return () => (alive = false);
  }, []);
  return factors
    ? html`<${Question} settings=${settings} asking=${asking} factors=${factors} />`
    : html`<h2 id="proof-heading">${texts.value("proof.heading")}</h2><p role="status">${texts.value("settings.loading")}</p>`;
};

export const Proof = ({ settings }) => {
  const asking = settings.asking.value;
  if (!asking) return null;
  return html`<${Dialog} name="proof" className="proof-dialog" labelledby="proof-heading" onClose=${settings.dismiss}>
    <${Asked} settings=${settings} asking=${asking} />
  <//>`;
};
