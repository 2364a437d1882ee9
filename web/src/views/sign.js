/* Before the chat: sign in or create an account, on two tabs. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { appearance } from "../appearance.js";
import { html } from "../html.js";
import { canPasskeys, passkeyForSignIn } from "../passkeys.js";
import { problemText } from "../problems.js";
import { texts } from "../text.js";
import { Key, Mark } from "./icons.js";
import { Language } from "./language.js";
import { SignForm } from "./sign-form.js";
import { SecondStep } from "./sign-second.js";

const WAYS = ["in", "up"];

const Notice = ({ notice: given, onAgain }) => {
  const t = texts.value;
  const [there, setThere] = useState(false); // words that come together with their place are not read out
  useEffect(() => setThere(true), []);
  const notice = there ? given : null;
  return html`<div role="status" class=${notice ? "notice" : "unseen"} data-testid="notice">
    ${notice && html`<p>${t(notice.key)} ${notice.unsent > 0 && t.count("sign.unsent", notice.unsent)}</p>`}
    ${notice?.again && html`<button class="button" onClick=${onAgain}>${t("sign.out_again")}</button>`}
  </div>`;
};

const Tabs = ({ way, onChoose }) => {
  const t = texts.value;
  const buttons = useRef(null);
  const arrow = (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = WAYS.find((one) => one !== way);
    onChoose(other);
    buttons.current.querySelector(`#tab-${other}`).focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${t("sign.tabs")} ref=${buttons} onKeyDown=${arrow}>
    ${WAYS.map(
      (one) => html`<button
        key=${one}
        type="button"
        role="tab"
        id=${`tab-${one}`}
        data-testid=${`tab-${one === "in" ? "sign-in" : "register"}`}
        aria-selected=${one === way ? "true" : "false"}
        aria-controls="sign-panel"
        tabindex=${one === way ? 0 : -1}
        onClick=${() => onChoose(one)}
      >
        ${t(`sign.${one}`)}
      </button>`,
    )}
  </div>`;
};

/* Signs in without a name or a password, whoever has a passkey here. */
const ByPasskey = ({ session }) => {
  const t = texts.value;
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  const enter = async () => {
    if (busy) return;
    setBusy(true);
    setWrong("");
    try {
      await session.passkey(await passkeyForSignIn(session.client));
    } catch (problem) {
      setWrong(problem.status === 401 ? t("error.passkey_refused") : problemText(t, problem));
      setBusy(false);
    }
  };
  return html`<div class="sign-passkey">
    <p class="sign-or"><span>${t("sign.or")}</span></p>
    <button type="button" class="button" data-testid="sign-passkey" aria-disabled=${busy ? "true" : "false"} onClick=${enter}>
      <${Key} />${t("sign.passkey")}
    </button>
    <p role="alert" class=${wrong ? "notice notice-bad" : "unseen"} data-testid="passkey-error">${wrong}</p>
  </div>`;
};

export const Sign = ({ session }) => {
  const t = texts.value;
  const [way, setWay] = useState("in");
  const [second, setSecond] = useState(null);
  const heading = useRef(null);
  useLayoutEffect(() => {
    if (second) return; // it takes the focus itself
    const start = matchMedia("(pointer: fine)").matches ? document.getElementById("username") : heading.current;
    start.focus();
  }, [second]);
  const over = (key) => {
    setSecond(null);
    session.page.notice.value = key && { key };
  };
  /* What was said of the last sign-out is past, unless something is left to do. */
  const goOn = (step) => {
    setSecond(step);
    if (!session.page.notice.value?.again) session.page.notice.value = null;
  };
  return html`<main class="sign" data-testid="sign-view">
    <div class="sign-card">
      <header class="brand">
        <${Mark} size=${44} />
        <div>
          <h1>${t("app.name")}</h1>
          <p>${t("app.tagline")}</p>
        </div>
      </header>
      ${!isSecureContext && html`<p class="notice notice-bad">${t("app.insecure")}</p>`}
      <${Notice} notice=${session.page.notice.value} onAgain=${session.signOut} />
      ${second
        ? html`<${SecondStep} key=${second.token} session=${session} step=${second} onOver=${over} />`
        : html`<${Tabs} way=${way} onChoose=${setWay} />
            <section id="sign-panel" role="tabpanel" aria-labelledby=${`tab-${way}`}>
              <h2 ref=${heading} tabindex="-1">${t(`sign.${way}_heading`)}</h2>
              <${SignForm} session=${session} registering=${way === "up"} onSecond=${goOn} onRegistered=${() => setWay("in")} />
              ${way === "in" && canPasskeys() && html`<${ByPasskey} session=${session} />`}
            </section>`}
      <footer class="sign-language">
        <${Language} id="sign-language" label=${t("profile.language")} chosen=${t.tag} onChange=${(tag) => appearance().choose("language", tag)} />
      </footer>
    </div>
  </main>`;
};
