/* The open conversation: with whom, the messages, the place to write; or an invitation to choose one. */
import { useEffect, useRef } from "preact/hooks";
import { html } from "../html.js";
import { keyOf } from "../names.js";
import { texts } from "../text.js";
import { Avatar } from "./avatar.js";
import { Composer } from "./composer.js";
import { Back, Tile } from "./icons.js";
import { Messages } from "./messages.js";

export const NoThread = () => {
  const t = texts.value;
  return html`<div class="middle no-thread">
    <${Tile} />
    <p><strong>${t("thread.none")}</strong></p>
    <p>${t("thread.none_how")}</p>
  </div>`;
};

export const Thread = ({ chat, thread, onBack }) => {
  const t = texts.value;
  const heading = useRef(null);
  const value = thread.value;
  const note = keyOf(value.peer) === keyOf(chat.state.me);
  useEffect(() => {
    if (!matchMedia("(pointer: fine)").matches) heading.current.focus();
  }, []);
  return html`<div class="thread-inner" onKeyDown=${(event) => event.key === "Escape" && onBack()}>
    <header class="thread-head">
      <button class="button button-round button-quiet thread-back" data-testid="back" aria-label=${t("thread.back")} onClick=${onBack}><${Back} /></button>
      <${Avatar} name=${value.peer} />
      <h2 ref=${heading} tabindex="-1" data-testid="peer"><bdi>${value.peer}</bdi></h2>
      ${note && html`<p class="thread-note">${t("list.note")}</p>`}
    </header>
    <${Messages} chat=${chat} thread=${value} />
    <${Composer} chat=${chat} thread=${value} />
  </div>`;
};
