/* Puts a text on the clipboard. Over plain http the browser has no clipboard for pages: there the text is selected, and copied
   by command. */

/* Within an open dialog all else is inert: what is selected must stand in it. */
const bySelection = (text, document) => {
  const before = document.activeElement;
  const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true, className: "unseen" });
  (before?.closest("dialog[open]") ?? document.body).append(area);
  try {
    area.select();
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
    before?.focus?.({ preventScroll: true });
  }
};

/** True when it is there. */
export const copyText = async (text, { navigator = globalThis.navigator, document = globalThis.document } = {}) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return bySelection(text, document);
  }
};
