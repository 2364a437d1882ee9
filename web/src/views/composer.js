/* Where a message is written. Enter sends, Shift and Enter makes a line. The draft outlives a change of conversation. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { CONTENT_MAX, lengthOf } from "../names.js";
import { texts } from "../text.js";
import { Send } from "./icons.js";

const SHOW_LEFT_FROM = 500;

const fit = (box) => {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
};

const Left = ({ left }) => {
  const t = texts.value;
  if (left > SHOW_LEFT_FROM) return null;
  return html`<p class=${left < 0 ? "composer-left composer-over" : "composer-left"} role="status" data-testid="characters-left">
    ${left < 0 ? t.count("composer.over", -left) : t.count("composer.left", left)}
  </p>`;
};

export const Composer = ({ chat, thread }) => {
  const t = texts.value;
  const box = useRef(null);
  const { key, peer } = thread;
  const [text, setText] = useState(chat.state.drafts.get(key) ?? "");
  const left = CONTENT_MAX - (text.length < CONTENT_MAX / 2 ? text.length : lengthOf(text));
  const ready = text.trim() !== "" && left >= 0;

  const write = (words) => {
    setText(words);
    if (words) chat.state.drafts.set(key, words);
    else chat.state.drafts.delete(key);
  };
  const send = () => {
    if (!ready) return box.current.focus();
    chat.send(key, text);
    write("");
    box.current.focus();
  };
  const pressed = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };

  useLayoutEffect(() => fit(box.current), [text]);
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) box.current.focus();
  }, []);

  return html`<form
    class="composer"
    onSubmit=${(event) => {
      event.preventDefault();
      send();
    }}
  >
    <label class="unseen" for="composer">${t("composer.label", { name: peer })}</label>
    <textarea
      ref=${box}
      id="composer"
      data-testid="composer"
      rows="1"
      dir="auto"
      enterkeyhint="send"
      autocomplete="off"
      placeholder=${t("composer.placeholder")}
      aria-describedby="composer-hint"
      value=${text}
      onInput=${(event) => write(event.currentTarget.value)}
      onKeyDown=${pressed}
    ></textarea>
    <button class="button button-main button-round" data-testid="send" aria-label=${t("composer.send")} aria-disabled=${ready ? "false" : "true"}>
      <${Send} />
    </button>
    <p class="unseen" id="composer-hint">${t("composer.hint")}</p>
    <${Left} left=${left} />
  </form>`;
};
