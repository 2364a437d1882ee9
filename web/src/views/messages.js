/* The messages of the open conversation: days, the line of the unread, older pages; only what is seen is drawn. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { problemText } from "../problems.js";
import { keyOfItem, rowsOf } from "../rows.js";
import { texts } from "../text.js";
import { today } from "../today.js";
import { dayName } from "../when.js";
import { ChevronDown, Down } from "./icons.js";
import { attributesOf, Message } from "./message.js";
import { Windowed } from "./windowed.js";

const ROW_PX = 56;
const LINE_PX = 20;
const LINE_LETTERS = 48;
const OLDER = { kind: "older", key: "older" };
const BEGINNING = { kind: "beginning", key: "beginning" };

const Older = ({ thread, chat }) => {
  const t = texts.value;
  const loading = thread.olderStatus === "loading";
  return html`<div class="older">
    ${thread.olderStatus === "failed" && html`<p role="alert">${t("thread.older_failed")}</p>`}
    <button type="button" class="button button-quiet" data-testid="older" aria-disabled=${loading ? "true" : "false"} onClick=${chat.loadOlder}>
      ${t(loading ? "thread.older_loading" : "thread.older")}
    </button>
  </div>`;
};

const State = ({ thread, chat }) => {
  const t = texts.value;
  if (thread.status === "failed") {
    return html`<div class="middle" role="alert" data-testid="thread-failed">
      <p>${t("thread.failed")} ${thread.problem ? problemText(t, thread.problem) : ""}</p>
      <button type="button" class="button" onClick=${chat.retryThread}>${t("thread.retry")}</button>
    </div>`;
  }
  return html`<p class="middle" role="status" data-testid="thread-empty">${t(thread.status === "ready" ? "thread.empty" : "thread.loading")}</p>`;
};

const attributesFor = (row) => {
  if (row.kind === "message") return attributesOf(row);
  return { class: row.kind === "unread" ? "unread-line" : row.kind, ...(row.kind === "unread" ? { "data-testid": "unread-line" } : {}) };
};

/* Near enough that the list need not move much when a row is measured. */
const estimateOf = ({ kind, item }) =>
  kind === "message" ? ROW_PX + LINE_PX * Math.min(40, Math.floor(item.content.length / LINE_LETTERS)) : ROW_PX;

const isMessage = ({ kind }) => kind === "message";

/* Up and down go from message to message, at their menus; Home and End are the list's own. */
const STEPS = new Map([["ArrowDown", 1], ["ArrowUp", -1]]);
const step = (event) => {
  const move = STEPS.get(event.key);
  if (!move || !event.target.matches(".message-menu, .windowed")) return;
  const all = [...event.currentTarget.querySelectorAll(".message-menu")];
  const at = all.indexOf(event.target);
  const next = at < 0 ? all.at(-1) : all[at + move];
  if (!next || event.altKey) return;
  event.preventDefault();
  next.focus();
};

/* How many unread stand above what is seen, or new ones below; each a way to them. */
const Ways = ({ place, unreadAbove, below, onUnread }) => {
  const t = texts.value;
  return html`
    ${unreadAbove && html`<button type="button" class="jump jump-up button" data-testid="jump-unread" onClick=${onUnread}><${ChevronDown} />${t("thread.to_unread")}</button>`}
    ${!place.current.atBottom.value &&
    html`<button type="button" class="jump button" data-testid="jump" aria-label=${t("thread.jump")} onClick=${() => place.current.toBottom()}>
      <${Down} />${below ? t("thread.newest") : ""}
    </button>`}
  `;
};

export const Messages = ({ chat, thread, doing, place }) => {
  const t = texts.value;
  const { items, firstUnread, unreadBefore, more, key } = thread;
  const now = chat.serverNow();
  const day = today.value;
  const rows = useMemo(() => {
    const all = rowsOf(items, { firstUnread, now });
    if (all.length === 0) return all;
    return more === false ? [BEGINNING, ...all] : [OLDER, ...all];
  }, [items, firstUnread, more === false, day]);
  const lineAt = useMemo(() => rows.findIndex(({ kind }) => kind === "unread"), [rows]);
  const [lineAbove, setLineAbove] = useState(false); // the line of the unread stands above what is seen
  const newest = items.at(-1);
  const entered = useRef(false);
  const seenTo = useRef(-1); // index of the last row that is seen
  const last = useRef(null); // key of the newest message
  const knownTo = useRef(0); // id of the newest of somebody else's when the end was last seen
  const [search, setSearch] = useState(null); // of the first unread, on pages that are not loaded yet: "on", "over"

  const told = (until) => {
    for (let at = until; at >= 0; at -= 1) {
      const { kind, item } = rows[at] ?? {};
      if (kind === "message" && !item.mine && item.id !== undefined) return chat.shown(item.id);
    }
  };

  /* At first: where the unread begin, else at the end. One's own words are always gone to. */
  useEffect(() => {
    if (items.length === 0) return;
    if (!entered.current && thread.status === "ready") {
      if (unreadBefore && search === null) {
        setSearch("on");
        return void chat.findUnread().finally(() => setSearch("over"));
      }
      if (search === "on") return;
      entered.current = true;
      if (firstUnread !== null) place.current.toKey("unread", { align: "start" });
      else {
        place.current.toBottom();
        told(seenTo.current);
      }
    } else if (last.current !== null && keyOfItem(newest) !== last.current) {
      if (newest.mine && newest.id === undefined) place.current.toBottom();
    }
    last.current = keyOfItem(newest);
  }, [items, thread.status, search]);
  const newestOfTheirs = items.findLast(({ mine, id }) => !mine && id !== undefined)?.id ?? 0;
  if (place.current.atBottom.value || !entered.current) knownTo.current = newestOfTheirs;

  const seen = (first, until) => {
    setLineAbove(lineAt >= 0 && lineAt < first);
    seenTo.current = until;
    if (entered.current) told(until); // before that it stands at the end, where nobody may be led
  };
  const toUnread = async () => {
    if (await chat.findUnread()) place.current.toKey("unread", { align: "start", focus: true });
  };
  const unreadAbove = unreadBefore || (lineAbove && lineAt >= 0);

  const render = (row) => {
    if (row.kind === "day") return html`<span>${dayName(t.locale, row.at, now)}</span>`;
    if (row.kind === "unread") return html`<span>${t("thread.unread")}</span>`;
    if (row.kind === "beginning") return html`<p>${t("thread.beginning")}</p>`;
    if (row.kind === "older") return html`<${Older} thread=${thread} chat=${chat} />`;
    return html`<${Message} chat=${chat} item=${row.item} at=${row.at} doing=${doing} items=${items} />`;
  };
  return html`<div class="messages-frame" onKeyDown=${step}>
    ${rows.length === 0
      ? html`<${State} thread=${thread} chat=${chat} />`
      : html`<${Windowed}
          key=${key}
          name="message-list"
          label=${t("thread.messages", { name: thread.peer })}
          rows=${rows}
          keyOf=${(row) => row.key}
          render=${render}
          attributes=${attributesFor}
          estimate=${estimateOf}
          anchors=${isMessage}
          onReachTop=${chat.loadOlder}
          onSeen=${seen}
          api=${place}
        />`}
    <${Ways} place=${place} unreadAbove=${unreadAbove} below=${newestOfTheirs > knownTo.current} onUnread=${toUnread} />
  </div>`;
};
