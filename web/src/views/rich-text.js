/* What somebody wrote: text nodes, and links that say where they go. One to three emoji alone are drawn large. */
import { useMemo } from "preact/hooks";
import { html } from "../html.js";
import { isEmojiOnly, pieces } from "../links.js";

/* An address is read from left to right, whatever is around it. What it leads to learns nothing, and gets nothing of this window. */
const Piece = ({ text, href }) =>
  href ? html`<a href=${href} rel="noopener noreferrer nofollow ugc" target="_blank" dir="ltr">${text}</a>` : text;

/** Stands in an element of the caller's that has `dir="auto"` and keeps blanks. */
export const RichText = ({ text }) =>
  useMemo(() => {
    if (isEmojiOnly(text)) return html`<span class="emoji-only">${text}</span>`;
    return pieces(text).map((piece, index) => html`<${Piece} key=${index} ...${piece} />`);
  }, [text]);
