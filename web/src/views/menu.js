/* A button with a menu of actions (ARIA APG, menu button). The menu stands above all else, inside of the window, wherever the button is. */
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { Dots } from "./icons.js";

const MARGIN_PX = 8; // to the edges of the window
const APART_PX = 4; // from the button
const TYPED_TOGETHER_MS = 600;

/** Where a box of this size stands beside a button: below it, else above it, else where it fits; at its end when that has more room. */
export const placeBeside = (button, size, view) => {
  const fits = (place, length, room) => Math.max(MARGIN_PX, Math.min(place, room - length - MARGIN_PX));
  const below = button.bottom + APART_PX;
  const above = button.top - APART_PX - size.height;
  const hasRoom = below + size.height <= view.height - MARGIN_PX || above < MARGIN_PX;
  const atEnd = button.left + button.right > view.width;
  return {
    left: fits(atEnd ? button.right - size.width : button.left, size.width, view.width),
    top: fits(hasRoom ? below : above, size.height, view.height),
  };
};

/** The next item whose text begins with what was typed, after the one that has the focus; -1 when there is none. */
export const nextTyped = (names, from, typed) => {
  const sought = typed.toLocaleLowerCase();
  const start = typed.length > 1 ? from : from + 1; // more letters may still mean the same one
  for (let step = 0; step < names.length; step += 1) {
    const at = (Math.max(0, start) + step) % names.length;
    if (names[at].toLocaleLowerCase().startsWith(sought)) return at;
  }
  return -1;
};

const MOVES = new Map([
  ["ArrowDown", (at, count) => (at + 1) % count],
  ["ArrowUp", (at, count) => (at - 1 + count) % count],
  ["Home", () => 0],
  ["End", (_, count) => count - 1],
]);

const List = ({ id, label, items, button, last, onClose }) => {
  const box = useRef(null);
  const typed = useRef({ text: "", at: 0 });
  const all = () => [...box.current.querySelectorAll("[role=menuitem]")];

  useLayoutEffect(() => {
    const menu = box.current;
    const place = () => {
      if (!button.current?.isConnected) return onClose();
      const view = { width: innerWidth, height: innerHeight };
      const { left, top } = placeBeside(button.current.getBoundingClientRect(), menu.getBoundingClientRect(), view);
      Object.assign(menu.style, { left: `${left}px`, top: `${top}px` });
    };
    const pressed = ({ target }) => menu.contains(target) || button.current?.contains(target) || onClose();
    const scrolled = ({ target }) => target !== menu && place();
    menu.showPopover?.();
    place();
    all().at(last ? -1 : 0)?.focus({ preventScroll: true });
    addEventListener("pointerdown", pressed, true);
    addEventListener("scroll", scrolled, true);
    addEventListener("resize", place);
    return () => {
      removeEventListener("pointerdown", pressed, true);
      removeEventListener("scroll", scrolled, true);
      removeEventListener("resize", place);
    };
  }, []);

  const back = () => {
    onClose();
    button.current?.focus({ preventScroll: true });
  };
  const choose = (item) => {
    back();
    item.onChoose();
  };
  const type = ({ key, timeStamp }) => {
    const find = (sought) => nextTyped(items.map((item) => item.text), all().indexOf(document.activeElement), sought);
    const together = timeStamp - typed.current.at < TYPED_TOGETHER_MS ? typed.current.text + key : key;
    const sought = find(together) < 0 ? key : together; // what leads nowhere together begins anew
    typed.current = { text: sought, at: timeStamp };
    all()[find(sought)]?.focus();
  };
  const keyed = (event) => {
    if (event.key === "Tab") return back(); // and on from the button
    event.stopPropagation(); // Escape and letters mean something to what is around, too
    const move = MOVES.get(event.key);
    if (event.key === "Escape") back();
    else if (move) all()[move(all().indexOf(document.activeElement), items.length)].focus();
    else if (event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey) type(event);
    else return; // Enter and the space bar are the button's own
    event.preventDefault();
  };

  return html`<div ref=${box} id=${id} class="menu" popover="manual" role="menu" aria-label=${label} onKeyDown=${keyed} data-testid="menu">
    ${items.map(
      (item) => html`<button
        key=${item.key}
        type="button"
        role="menuitem"
        tabindex="-1"
        class=${item.danger ? "menu-item menu-danger" : "menu-item"}
        data-testid=${`menu-${item.key}`}
        onClick=${() => choose(item)}
      >
        ${item.icon && html`<${item.icon} />`}<span>${item.text}</span>
      </button>`,
    )}
  </div>`;
};

const QUIET = "button button-round button-quiet";

/** `items`: {key, text, icon, danger, onChoose}; the focus is back at the button when `onChoose` is called, which may take it elsewhere.
    `label` names the button and the menu; `icon`, `className` and `name` (its test id) are the button's; `onOpen(open)` is told of
    either; `api.current` is {open(), close()}. `arrows`: false where up and down lead elsewhere than into the menu. */
export const Menu = ({ label, items, icon = Dots, className = QUIET, name = "menu-open", arrows = true, onOpen, api }) => {
  const [open, setOpen] = useState(null); // null, "first" or "last": which item has the focus at first
  const button = useRef(null);
  const id = useId();
  const show = (how) => {
    setOpen(how);
    onOpen?.(how !== null);
  };
  useEffect(() => {
    if (api) api.current = { open: () => show("first"), close: () => show(null) };
  });
  const keyed = (event) => {
    if (!arrows || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    event.preventDefault();
    show(event.key === "ArrowUp" ? "last" : "first");
  };
  return html`<button
      ref=${button}
      type="button"
      class=${className}
      aria-label=${label}
      aria-haspopup="menu"
      aria-expanded=${open ? "true" : "false"}
      aria-controls=${open ? id : undefined}
      data-testid=${name}
      onClick=${() => show(open ? null : "first")}
      onKeyDown=${keyed}
    >
      <${icon} />
    </button>
    ${open &&
    html`<${List} id=${id} label=${label} items=${items} button=${button} last=${open === "last"} onClose=${() => show(null)} />`}`;
};
