/* The few drawings of the page, inline, in the colour of the text around them. Decoration only: the words stand beside them. */
import { html } from "../html.js";

const icon = (paths) => () =>
  html`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false">${paths}</svg>`;

export const Send = icon(html`<path d="M4 12 3 4l18 8-18 8 1-8Zm0 0h8" />`);
export const Back = icon(html`<path d="M15 5l-7 7 7 7" />`);
export const Down = icon(html`<path d="M12 5v13M6 12l6 6 6-6" />`);
export const Leave = icon(html`<path d="M14 4H6v16h8M10 12h10M16.5 8.5 20 12l-3.5 3.5" />`);
export const Retry = icon(html`<path d="M19 12a7 7 0 1 1-2-5M19 3v5h-5" />`);
export const Tick = icon(html`<path d="M5 12.5l4.5 4.5L19 7.5" />`);
export const Cross = icon(html`<path d="M6.5 6.5l11 11M17.5 6.5l-11 11" />`);
export const Sliders = icon(html`<path d="M4 8h7M17 8h3M4 16h3M13 16h7" /><circle cx="14" cy="8" r="2.5" /><circle cx="10" cy="16" r="2.5" />`);
export const Key = icon(html`<circle cx="8" cy="15" r="4" /><path d="M11 12l8-8M16 7l3 3" />`);
export const Dots = icon(html`<circle class="icon-dot" cx="12" cy="5" r="1.75" /><circle class="icon-dot" cx="12" cy="12" r="1.75" /><circle class="icon-dot" cx="12" cy="19" r="1.75" />`);
export const Reply = icon(html`<path d="M9 6 4 11l5 5M4 11h9a7 7 0 0 1 7 7" />`);
export const Copy = icon(html`<rect x="9" y="9" width="11" height="11" rx="2" /><path d="M5 15V6a2 2 0 0 1 2-2h8" />`);
export const Pencil = icon(html`<path d="M4 20l1-4L16 5l3 3L8 19l-4 1ZM13.5 7.5l3 3" />`);
export const Bin = icon(html`<path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5" />`);
export const Clock = icon(html`<circle cx="12" cy="12" r="8.5" /><path d="M12 7v5l3.5 2" />`);
export const Smile = icon(html`<circle cx="12" cy="12" r="8.5" /><path d="M8.5 14.5a4.5 4.5 0 0 0 7 0M9 9.5v.01M15 9.5v.01" />`);
export const Bell = icon(html`<path d="M6 16v-5a6 6 0 0 1 12 0v5l2 2H4l2-2ZM10 21h4M12 5V3" />`);
export const BellOff = icon(html`<path d="M6 16v-5a6 6 0 0 1 1.2-3.6M10 5.4A6 6 0 0 1 18 11v3M4 18h13M10 21h4M4 4l16 16" />`);
export const Block = icon(html`<circle cx="12" cy="12" r="8.5" /><path d="M6 6l12 12" />`);
export const Search = icon(html`<circle cx="10.5" cy="10.5" r="6.5" /><path d="M15.5 15.5 21 21" />`);
export const ChevronDown = icon(html`<path d="M6 9l6 6 6-6" />`);
export const DoubleTick = icon(html`<path d="M2 12.5 6.5 17 14 8M11 15.5l1.5 1.5L21 7.5" />`);
export const Warning = icon(html`<path d="M12 4 2.5 20h19L12 4ZM12 10v4.5M12 17.5v.01" />`);
export const Download = icon(html`<path d="M12 4v11M7.5 10.5 12 15l4.5-4.5M4 20h16" />`);

/* The sign of Recado: a slip of paper with a folded corner and two lines of writing. */
export const Mark = ({ size = 36 }) =>
  html`<svg class="brand-mark" viewBox="0 0 32 32" width=${size} height=${size} aria-hidden="true" focusable="false">
    <path class="brand-slip" d="M7 3h13l7 7v16a3 3 0 0 1-3 3H7a3 3 0 0 1-3-3V6a3 3 0 0 1 3-3Z" />
    <path class="brand-fold" d="M20 3v5a2 2 0 0 0 2 2h5Z" />
    <path class="brand-line" d="M9.5 16.5h13M9.5 22h8" />
  </svg>`;

/* A tile of four quarter flowers, for where there is nothing yet. */
export const Tile = () =>
  html`<svg class="tile" viewBox="0 0 96 96" width="96" height="96" aria-hidden="true" focusable="false">
    <path d="M48 4c8 14 8 26 0 44-8-18-8-30 0-44Zm0 88c-8-14-8-26 0-44 8 18 8 30 0 44ZM4 48c14-8 26-8 44 0-18 8-30 8-44 0Zm88 0c-14 8-26 8-44 0 18-8 30-8 44 0Z" />
    <path class="tile-line" d="M4 4c20 2 30 12 33 33M92 4c-20 2-30 12-33 33M4 92c20-2 30-12 33-33M92 92c-20-2-30-12-33-33" />
    <circle class="tile-line" cx="48" cy="48" r="45" />
  </svg>`;
