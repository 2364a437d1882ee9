/* The whole page: one view for each phase. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { problemText } from "../problems.js";
import { texts } from "../text.js";
import { Chat } from "./chat.js";
import { Enrol } from "./settings/enrol.js";
import { Mark } from "./icons.js";
import { Sign } from "./sign.js";

const PATIENCE_MS = 400;

/* Says what it waits for only when that is long enough to be noticed. */
const Waiting = ({ word }) => {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  return html`<main class="middle">${slow && html`<${Mark} size=${56} />`}<p role="status">${slow && texts.value(word)}</p></main>`;
};

const Unreachable = ({ session }) => {
  const t = texts.value;
  const heading = useRef(null);
  useLayoutEffect(() => heading.current.focus(), []);
  return html`<main class="middle" data-testid="unreachable">
    <${Mark} size=${56} />
    <h1 ref=${heading} tabindex="-1">${t("start.failed")}</h1>
    <p role="alert">${problemText(t, session.page.problem.value)}</p>
    <button class="button button-main" onClick=${session.boot}>${t("start.retry")}</button>
  </main>`;
};

export const Page = ({ session, application }) => {
  const { phase, chat } = session.page;
  if (phase.value === "chat") return html`<${Chat} key="chat" session=${session} application=${application} chat=${chat.value} />`;
  if (phase.value === "enrol") return html`<${Enrol} key="enrol" session=${session} />`;
  if (phase.value === "sign") return html`<${Sign} key="sign" session=${session} />`;
  if (phase.value === "unreachable") return html`<${Unreachable} key="unreachable" session=${session} />`;
  return html`<${Waiting} key=${phase.value} word=${phase.value === "leaving" ? "sign.out_busy" : "app.starting"} />`;
};
