/* The open conversation: with whom, the messages, the place to write; or an invitation to choose one. */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { copyText } from "../copy.js";
import { html } from "../html.js";
import { keyOf } from "../names.js";
import { Problem } from "../problems.js";
import { keyOfItem } from "../rows.js";
import { texts } from "../text.js";
import { Composer } from "./composer.js";
import { Confirm } from "./confirm.js";
import { Tile } from "./icons.js";
import { Messages } from "./messages.js";
import { ThreadHead } from "./thread-head.js";
import { createPlace } from "./windowed.js";

export const NoThread = () => {
  const t = texts.value;
  return html`<div class="middle no-thread">
    <${Tile} />
    <p><strong>${t("thread.none")}</strong></p>
    <p>${t("thread.none_how")}</p>
  </div>`;
};

/** What can be done with a message of this conversation; `setWriting` is told of what is answered or changed: {kind, item}. */
const useDoing = ({ chat, place, setWriting, setAsked }) =>
  useMemo(() => {
    const write = (kind) => (item) => setWriting({ kind, item });
    const t = () => texts.peek();
    return {
      reply: write("reply"),
      edit: write("edit"),
      remove: (item) => setAsked(item),
      async takeBack({ client_id: clientId }) {
        if (!(await chat.discard(clientId))) chat.announceProblem(new Problem("problem", { code: "on_its_way" }));
      },
      async copy({ content }) {
        chat.announce(t()((await copyText(content)) ? "message.copied" : "message.not_copied"));
      },
      /** To a message that is quoted; older pages are loaded until it is there. */
      async go(id) {
        const item = await chat.find(id);
        if (item) place.current.toKey(keyOfItem(item), { focus: true });
        else chat.announce(t()("quote.gone"));
      },
    };
  }, [chat]);

export const Thread = ({ chat, thread, conversation, onBack }) => {
  const t = texts.value;
  const heading = useRef(null);
  const place = useMemo(createPlace, []);
  const [writing, setWriting] = useState(null);
  const [asked, setAsked] = useState(null); // the message that is to be deleted, perhaps
  const doing = useDoing({ chat, place, setWriting, setAsked });
  const wrote = useRef(false); // it was answered or changed: whoever did that goes on writing
  const deleted = useRef(false);
  wrote.current ||= writing !== null;
  useLayoutEffect(() => {
    if (!matchMedia("(pointer: fine)").matches) heading.current.focus();
  }, []);
  /* The menu of a message that is gone cannot get the focus back. */
  useLayoutEffect(() => {
    if (asked || !deleted.current) return;
    deleted.current = false;
    (matchMedia("(pointer: fine)").matches ? document.getElementById("composer") : heading.current).focus();
  }, [asked]);
  const remove = async () => {
    await chat.remove(asked.id);
    deleted.current = true;
  };
  const escape = (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (writing) setWriting(null);
    else onBack();
  };
  /* The last of one's own words, for who wants to change them at once. */
  const editLast = () => {
    const item = thread.items.findLast(({ mine, id }) => mine && id !== undefined);
    if (item) setWriting({ kind: "edit", item });
  };
  /* What was begun while a change was on its way goes on. */
  const written = () => setWriting((now) => (now === writing ? null : now));
  const note = keyOf(thread.peer) === keyOf(chat.state.me);
  return html`<div class="thread-inner" onKeyDown=${escape}>
    <${ThreadHead} chat=${chat} thread=${thread} conversation=${conversation} note=${note} heading=${heading} onBack=${onBack} />
    <${Messages} chat=${chat} thread=${thread} doing=${doing} place=${place} />
    <${Composer} key=${writing?.kind === "edit" ? writing.item.id : "new"} chat=${chat} thread=${thread} conversation=${conversation} writing=${writing} eager=${wrote.current} onWritten=${written} onEditLast=${editLast} />
    ${asked &&
    html`<${Confirm}
      heading=${t("message.delete_heading")}
      text=${t("message.delete_text")}
      yes=${t("message.delete")}
      work=${remove}
      onClose=${() => setAsked(null)}
    />`}
  </div>`;
};
