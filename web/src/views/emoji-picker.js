/* Emoji to choose from: groups, those used last, and a search. A dialog that leaves the rest of the page as it is.
   Keys as in the ARIA APG: tabs for the groups, a grid for what is in one; a letter in the grid goes on in the search. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { found, groups } from "../emoji.js";
import { html } from "../html.js";
import { texts } from "../text.js";
import { Clock, Search } from "./icons.js";

const COLUMNS = 8;

const rowsOf = (all) => Array.from({ length: Math.ceil(all.length / COLUMNS) }, (_, row) => all.slice(row * COLUMNS, (row + 1) * COLUMNS));

/** Where a key leads from the cell `at` of `count`; null when it leads nowhere. */
export const cellAfter = (key, ctrl, at, count) => {
  const row = at - (at % COLUMNS);
  const goes = new Map([
    ["ArrowRight", at + 1],
    ["ArrowLeft", at - 1],
    ["ArrowDown", at + COLUMNS < count ? at + COLUMNS : row + COLUMNS < count ? count - 1 : at],
    ["ArrowUp", at - COLUMNS],
    ["Home", ctrl ? 0 : row],
    ["End", ctrl ? count - 1 : Math.min(row + COLUMNS, count) - 1],
  ]);
  const next = goes.get(key);
  return next >= 0 && next < count ? next : null;
};

/* One stop for Tab, which moves with the arrows. */
const useRoving = (count, again) => {
  const [at, setAt] = useState(0);
  useLayoutEffect(() => setAt(0), [again]);
  return [Math.min(at, Math.max(0, count - 1)), setAt];
};

const Tabs = ({ names, shown, onChoose }) => {
  const t = texts.value;
  const bar = useRef(null);
  const keyed = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const to = { Home: 0, End: names.length - 1 }[event.key] ?? (step && (names.indexOf(shown) + step + names.length) % names.length);
    if (to === undefined) return;
    event.preventDefault();
    onChoose(names[to]);
    bar.current.children[to].focus();
  };
  return html`<div ref=${bar} class="emoji-tabs" role="tablist" aria-label=${t("emoji.groups")} onKeyDown=${keyed}>
    ${names.map(
      (name) => html`<button
        key=${name}
        type="button"
        role="tab"
        id=${`emoji-tab-${name}`}
        aria-label=${t(`emoji.${name}`)}
        title=${t(`emoji.${name}`)}
        aria-selected=${name === shown ? "true" : "false"}
        aria-controls="emoji-panel"
        tabindex=${name === shown ? 0 : -1}
        onClick=${() => onChoose(name)}
      >
        ${name === "recent" ? html`<${Clock} />` : html`<span aria-hidden="true">${groups().get(name)[0].emoji}</span>`}
      </button>`,
    )}
  </div>`;
};

const Grid = ({ all, again, label, grid, onPick, onLetter }) => {
  const [at, setAt] = useRoving(all.length, again);
  const keyed = (event) => {
    const next = cellAfter(event.key, event.ctrlKey, at, all.length);
    if (next !== null) {
      setAt(next);
      grid.current.querySelectorAll("[role=gridcell]")[next].focus();
    } else if (event.key === "Enter" || event.key === " ") onPick(all[at]);
    else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) return onLetter(); // it is typed there
    else if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
  };
  return html`<div ref=${grid} class="emoji-grid" role="grid" aria-label=${label} onKeyDown=${keyed} data-testid="emoji-grid">
    ${rowsOf(all).map(
      (row, above) => html`<div key=${above} class="emoji-row" role="row">
        ${row.map((emoji, beside) => {
          const index = above * COLUMNS + beside;
          return html`<div
            key=${emoji}
            role="gridcell"
            tabindex=${index === at ? 0 : -1}
            onFocus=${() => setAt(index)}
            onClick=${() => onPick(emoji)}
          >
            ${emoji}
          </div>`;
        })}
      </div>`,
    )}
  </div>`;
};

/** `recents`: emoji used last, kept by the caller (`withRecent` of emoji.js). `onPick(emoji)`: it stays open until the caller takes it away.
    `onClose()`: told by Escape and by a touch outside of it and of `opener`, a ref of the button that opens it; Escape gives the focus back. */
export const EmojiPicker = ({ recents = [], onPick, onClose, opener }) => {
  const t = texts.value;
  const box = useRef(null);
  const field = useRef(null);
  const grid = useRef(null);
  const [first] = useState(recents); // those picked now come next time: nothing moves under the finger
  const names = [...(first.length ? ["recent"] : []), ...groups().keys()];
  const [shown, setShown] = useState(names[0]);
  const [typed, setTyped] = useState("");
  const all = typed.trim() ? found(typed) : shown === "recent" ? first : groups().get(shown).map(({ emoji }) => emoji);

  useLayoutEffect(() => {
    const before = document.activeElement;
    // On a phone the field would bring the keyboard, which hides what there is to choose from.
    if (matchMedia("(pointer: fine)").matches) field.current.focus();
    else grid.current.querySelector("[tabindex='0']").focus();
    const outside = ({ target }) => box.current?.contains(target) || opener?.current?.contains(target) || onClose();
    const keyed = (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation(); // it closes this, and nothing around it
      onClose();
      before?.focus?.();
    };
    const element = box.current;
    addEventListener("pointerdown", outside, true);
    element.addEventListener("keydown", keyed);
    return () => {
      removeEventListener("pointerdown", outside, true);
      element.removeEventListener("keydown", keyed);
    };
  }, []);

  const intoGrid = (event) => {
    const cell = grid.current?.querySelector("[tabindex='0']");
    if (event.key === "ArrowDown" && cell) cell.focus();
    else if (event.key === "Enter" && typed.trim() && all.length && !event.isComposing) onPick(all[0]);
    else if (event.key !== "Enter") return;
    event.preventDefault();
  };

  return html`<div ref=${box} class="emoji" role="dialog" aria-label=${t("emoji.heading")} data-testid="emoji-picker">
    <div class="emoji-search">
      <${Search} />
      <input
        ref=${field}
        type="search"
        aria-label=${t("emoji.search")}
        placeholder=${t("emoji.search")}
        autocomplete="off"
        autocapitalize="none"
        spellcheck=${false}
        enterkeyhint="done"
        data-testid="emoji-search"
        value=${typed}
        onInput=${(event) => setTyped(event.currentTarget.value)}
        onKeyDown=${intoGrid}
      />
    </div>
    ${!typed.trim() && html`<${Tabs} names=${names} shown=${shown} onChoose=${setShown} />`}
    <div class="emoji-panel" id="emoji-panel" role=${typed.trim() ? undefined : "tabpanel"} aria-labelledby=${typed.trim() ? undefined : `emoji-tab-${shown}`}>
      ${all.length > 0 &&
      html`<${Grid}
        all=${all}
        again=${`${shown} ${typed}`}
        label=${typed.trim() ? t("emoji.found") : t(`emoji.${shown}`)}
        grid=${grid}
        onPick=${onPick}
        onLetter=${() => field.current.focus()}
      />`}
    </div>
    <p role="status" class=${typed.trim() && all.length === 0 ? "emoji-none" : "unseen"} data-testid="emoji-status">${typed.trim() ? t.count("emoji.count", all.length) : ""}</p>
  </div>`;
};
