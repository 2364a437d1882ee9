/* Begins a conversation: a name, the live answer whether there is somebody of this name, and the way in. */
import { useEffect, useMemo, useRef } from "preact/hooks";
import { createCheck } from "../check.js";
import { html } from "../html.js";
import { typedName } from "../names.js";
import { texts } from "../text.js";
import { NameCheck } from "./name-check.js";

export const NewConversation = ({ session, chat }) => {
  const t = texts.value;
  const input = useRef(null);
  const check = useMemo(() => createCheck({ exists: session.exists }), [session]);
  useEffect(() => check.stop, [check]);

  const clear = () => {
    input.current.value = "";
    check.typed("");
  };
  const submit = async (event) => {
    event.preventDefault();
    const name = typedName(input.current.value);
    if (!name || check.state.peek().status === "fault") return input.current.focus();
    const answer = await check.now(name);
    // Without an answer, whoever has been written with is there.
    const mayOpen = answer === "exists" || (answer === "failed" && chat.knows(name));
    if (!mayOpen || typedName(input.current?.value ?? "") !== name) return;
    clear();
    chat.open(name);
  };

  return html`<form class="new" role="search" onSubmit=${submit}>
    <label for="new-peer">${t("new.label")}</label>
    <div class="new-box">
      <input
        ref=${input}
        id="new-peer"
        data-testid="new-conversation"
        placeholder=${t("new.placeholder")}
        autocomplete="off"
        autocapitalize="none"
        spellcheck=${false}
        enterkeyhint="go"
        aria-describedby="new-peer-check"
        onInput=${(event) => check.typed(typedName(event.currentTarget.value))}
        onKeyDown=${(event) => event.key === "Escape" && clear()}
      />
      <button class="button" data-testid="open-conversation">${t("new.open")}</button>
    </div>
    <${NameCheck} check=${check} mode="peer" me=${chat.state.me} id="new-peer-check" />
  </form>`;
};
