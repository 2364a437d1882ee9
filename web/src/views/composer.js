/* Where a message is written, answered or changed. Enter sends, Shift and Enter makes a line; where there is no Shift to hold, on a
   screen, Enter makes a line. The draft outlives a change of conversation. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { CONTENT_MAX, lengthOf } from "../names.js";
import { texts } from "../text.js";
import { durationText } from "../when.js";
import { EmojiPicker } from "./emoji-picker.js";
import { Clock, Cross, Send, Smile, Tick } from "./icons.js";
import { Quote } from "./quote.js";
import { TimerDialog } from "./timer.js";

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

/* What is being answered or changed, with the way out. */
const Writing = ({ chat, writing, items, onCancel }) => {
  const t = texts.value;
  const { kind, item } = writing;
  return html`<div class="composer-writing" data-testid="writing" data-kind=${kind}>
    <p class="unseen" role="status">${t(`composer.${kind}`)}</p>
    <p aria-hidden="true">${t(`composer.${kind}`)}</p>
    <${Quote} quote=${chat.quote(item.id, items)} me=${chat.state.me} />
    <button type="button" class="button button-round button-quiet" data-testid="writing-cancel" aria-label=${t("composer.cancel")} onClick=${onCancel}><${Cross} /></button>
  </div>`;
};

/* How long the next message lasts: the conversation's time unless another one was chosen for it. */
const Lasting = ({ seconds, onOpen }) => {
  const t = texts.value;
  const word = seconds === null ? t("timer.message") : t("timer.message_on", { time: durationText(t.locale, seconds, "long") });
  return html`<button
    type="button"
    class=${seconds === null ? "button button-round button-quiet" : "button button-quiet composer-lasting"}
    data-testid="lasting"
    aria-label=${word}
    title=${word}
    onClick=${onOpen}
  >
    <${Clock} />${seconds !== null && html`<span aria-hidden="true">${durationText(t.locale, seconds, "narrow")}</span>`}
  </button>`;
};

/* Puts text where the caret is, as typing would. */
const insert = (box, text) => {
  box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
  return box.value;
};

/** `eager`: the person is writing already, so that a keyboard on the screen need not be feared. */
export const Composer = ({ chat, thread, conversation, writing, eager, onWritten, onEditLast }) => {
  const t = texts.value;
  const box = useRef(null);
  const smile = useRef(null);
  const { key, peer, items } = thread;
  const editing = writing?.kind === "edit";
  const [text, setText] = useState(editing ? writing.item.content : chat.draftOf(key));
  const [emoji, setEmoji] = useState(false);
  const [lasting, setLasting] = useState(undefined); // seconds, or null for ever; undefined: as the conversation's
  const [choosing, setChoosing] = useState(false);
  const [busy, setBusy] = useState(false);
  const onScreen = !matchMedia("(any-pointer: fine)").matches; // the keyboard is one, most likely
  const seconds = lasting === undefined ? (conversation?.timer ?? null) : lasting;
  const left = CONTENT_MAX - (text.length < CONTENT_MAX / 2 ? text.length : lengthOf(text));
  const ready = text.trim() !== "" && left >= 0 && !busy;

  const write = (words) => {
    setText(words);
    if (editing) return;
    chat.setDraft(key, words);
    if (words) chat.typed(peer);
  };
  const change = async () => {
    setBusy(true);
    try {
      if (text !== writing.item.content) await chat.edit(writing.item.id, text);
      onWritten();
    } catch (problem) {
      chat.announceProblem(problem);
    } finally {
      setBusy(false);
    }
  };
  const send = () => {
    if (!ready) return box.current.focus();
    if (editing) return void change();
    const answers = writing && chat.quote(writing.item.id, items).peek().status !== "gone";
    void chat.send(peer, text, { ...(seconds === null ? {} : { ttlSeconds: seconds }), ...(answers ? { replyTo: writing.item.id } : {}) });
    write("");
    setLasting(undefined);
    onWritten();
    box.current.focus();
  };
  const pressed = (event) => {
    // Keys of an input method mean nothing else, here or around. Safari tells the last one of them by its old number only.
    if (event.isComposing || event.keyCode === 229) return event.stopPropagation();
    if (event.key === "ArrowUp" && text === "" && !writing) {
      event.preventDefault();
      return onEditLast();
    }
    if (event.key !== "Enter" || event.shiftKey || onScreen) return;
    event.preventDefault();
    send();
  };
  /* With the emoji open Escape closes them, and nothing around them. */
  const escape = (event) => {
    if (!emoji || event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    setEmoji(false);
  };
  const pick = (one) => {
    write(insert(box.current, one));
    chat.usedEmoji(one);
    box.current.focus();
  };

  /* What was begun here may go on, or be sent, in another tab. */
  useLayoutEffect(() => {
    if (!editing && box.current.value !== chat.draftOf(key)) setText(chat.draftOf(key));
  }, [conversation?.draft]);
  useLayoutEffect(() => fit(box.current), [text]);
  /* At once: what is typed next may be on its way already. */
  useLayoutEffect(() => {
    if (writing || eager || matchMedia("(pointer: fine)").matches) box.current.focus();
    if (editing) box.current.setSelectionRange(text.length, text.length);
  }, [writing]);

  return html`<form
    class="composer"
    onKeyDown=${escape}
    onSubmit=${(event) => {
      event.preventDefault();
      send();
    }}
  >
    ${writing && html`<${Writing} chat=${chat} writing=${writing} items=${items} onCancel=${onWritten} />`}
    <div class="composer-line">
      <button
        ref=${smile}
        type="button"
        class="button button-round button-quiet"
        data-testid="emoji-open"
        aria-label=${t("composer.emoji")}
        aria-expanded=${emoji ? "true" : "false"}
        onClick=${() => setEmoji(!emoji)}
      >
        <${Smile} />
      </button>
      <label class="unseen" for="composer">${editing ? t("composer.edit") : t("composer.label", { name: peer })}</label>
      <textarea
        ref=${box}
        id="composer"
        data-testid="composer"
        rows="1"
        dir="auto"
        readonly=${busy}
        enterkeyhint=${onScreen ? "enter" : "send"}
        autocomplete="off"
        placeholder=${t("composer.placeholder")}
        aria-describedby=${onScreen ? undefined : "composer-hint"}
        value=${text}
        onInput=${(event) => write(event.currentTarget.value)}
        onKeyDown=${pressed}
      ></textarea>
      ${!editing && html`<${Lasting} seconds=${seconds} onOpen=${() => setChoosing(true)} />`}
      <button class="button button-main button-round" data-testid="send" aria-label=${t(editing ? "composer.save" : "composer.send")} aria-disabled=${ready ? "false" : "true"}>
        <${editing ? Tick : Send} />
      </button>
    </div>
    ${emoji && html`<${EmojiPicker} recents=${chat.emojiUsed()} onPick=${pick} onClose=${() => setEmoji(false)} opener=${smile} />`}
    <p class="unseen" id="composer-hint">${t("composer.hint")}</p>
    <${Left} left=${left} />
    ${choosing &&
    html`<${TimerDialog} heading=${t("timer.message")} text=${t("timer.message_text")} chosen=${seconds} onChoose=${setLasting} onClose=${() => setChoosing(false)} />`}
  </form>`;
};
