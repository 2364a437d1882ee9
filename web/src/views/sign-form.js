/* The form of both ways in: what is typed lives in the inputs only, never in the state of the page. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { createCheck } from "../check.js";
import { html } from "../html.js";
import { nameFault, passwordFault } from "../names.js";
import { fieldText, problemText } from "../problems.js";
import { texts } from "../text.js";
import { Field } from "./field.js";
import { NameCheck } from "./name-check.js";
import { PasswordField } from "./password-field.js";

const FIELDS = ["username", "password"];

const faultsOf = (registering, values) => {
  const found = new Map();
  const fault = {
    username: registering ? nameFault(values.username) : values.username ? null : "required",
    password: registering ? passwordFault(values.password) : values.password ? null : "required",
  };
  for (const field of FIELDS) if (fault[field]) found.set(field, { field, code: fault[field] });
  return found;
};

/** What a refused call says: about fields, or about the whole. */
const refusal = (t, problem, registering) => {
  const fields = new Map();
  for (const one of problem.fields ?? []) if (FIELDS.includes(one.field)) fields.set(one.field, one);
  if (registering && problem.status === 409) fields.set("username", { field: "username", code: "taken" });
  if (fields.size > 0) return { fields, text: "" };
  if (registering && problem.status === 403) return { fields, text: t("sign.closed") };
  const wrong = !registering && problem.status === 401;
  return { fields, text: wrong ? t("error.wrong_credentials") : problemText(t, problem) };
};

/** `onSecond` is given what a sign-in with a second step goes on with; `onRegistered` is told of an account that is made, and not
    signed in to. */
export const SignForm = ({ session, registering, onSecond, onRegistered }) => {
  const t = texts.value;
  const form = useRef(null);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState({ fields: new Map(), text: "" });
  const check = useMemo(() => createCheck({ exists: session.isTaken }), [session]);
  const input = (name) => form.current.elements.namedItem(name);

  const refuse = (what) => {
    setWrong({ ...what, leads: FIELDS.find((field) => what.fields.has(field)) });
    setBusy(false);
  };

  /* What was wrong with a field is past when it is changed. */
  const typed = (field) => {
    if (wrong.fields.has(field)) setWrong({ fields: new Map([...wrong.fields].filter(([one]) => one !== field)), text: wrong.text });
  };
  const typedName = (event) => {
    typed("username");
    if (registering) check.typed(event.currentTarget.value.trim());
  };

  /* Once what is wrong is drawn: it is read out with the field. */
  useLayoutEffect(() => void (wrong.leads && input(wrong.leads).focus()), [wrong]);
  useEffect(() => check.stop, [check]);
  useLayoutEffect(() => {
    setWrong({ fields: new Map(), text: "" });
    check.typed(registering ? input("username").value.trim() : "");
  }, [registering]);

  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    const values = { username: input("username").value.trim(), password: input("password").value };
    const fields = faultsOf(registering, values);
    if (fields.size > 0) return refuse({ fields, text: "" });
    setBusy(true);
    setWrong({ fields, text: "" });
    try {
      const entered = await session[registering ? "register" : "signIn"](values.username, values.password);
      if (entered !== false) return;
      setBusy(false);
      onRegistered();
    } catch (problem) {
      const token = problem.code === "second_factor_required" && problem.said?.mfa_token;
      if (token) return onSecond({ username: values.username, token, factors: [].concat(problem.said.factors ?? []) });
      refuse(refusal(t, problem, registering));
    }
  };

  const errorOf = (field) => wrong.fields.has(field) && fieldText(t, wrong.fields.get(field));
  const verb = registering ? "up" : "in";
  return html`<form ref=${form} class="sign-form" novalidate onSubmit=${submit} data-testid="sign-form">
    <p role="alert" class=${wrong.text ? "notice notice-bad" : "unseen"} data-testid="sign-error">${wrong.text}</p>
    <${Field}
      label=${t("sign.username")}
      name="username"
      autocomplete="username"
      hint=${registering && t("sign.username_hint")}
      error=${errorOf("username")}
      onInput=${typedName}
      check=${registering && !wrong.fields.has("username") && html`<${NameCheck} check=${check} mode="register" id="username-check" />`}
    />
    <${PasswordField}
      label=${t("sign.password")}
      name="password"
      autocomplete=${registering ? "new-password" : "current-password"}
      hint=${registering && t("sign.password_hint")}
      error=${errorOf("password")}
      onInput=${() => typed("password")}
    />
    <button class="button button-main" data-testid="submit" aria-disabled=${busy ? "true" : "false"}>
      ${t(busy ? `sign.${verb}_busy` : `sign.${verb}`)}
    </button>
  </form>`;
};
