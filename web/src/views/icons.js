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
