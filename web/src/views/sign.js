/* Before the chat: sign in or create an account, on two tabs. */
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { texts } from "../text.js";
import { Mark } from "./icons.js";
import { SignForm } from "./sign-form.js";

const WAYS = ["in", "up"];

const Notice = ({ notice, onAgain }) => {
  const t = texts.value;
  return html`<div role="status" class=${notice ? "notice" : "unseen"} data-testid="notice">
    ${notice && html`<p>${t(notice.key)}</p>`}
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

export const Sign = ({ session }) => {
  const t = texts.value;
  const [way, setWay] = useState("in");
  const heading = useRef(null);
  useEffect(() => {
    const start = matchMedia("(pointer: fine)").matches ? document.getElementById("username") : heading.current;
    start.focus();
  }, []);
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
      <${Tabs} way=${way} onChoose=${setWay} />
      <section id="sign-panel" role="tabpanel" aria-labelledby=${`tab-${way}`}>
        <h2 ref=${heading} tabindex="-1">${t(`sign.${way}_heading`)}</h2>
        <${SignForm} session=${session} registering=${way === "up"} />
      </section>
    </div>
  </main>`;
};
