/* A modal dialog of the browser's own: it keeps the focus, closes by Escape, and gives the focus back to where it was. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { html } from "../html.js";

/** `onClose` is told by Escape as well; whoever shows a dialog takes it away then. */
export const Dialog = ({ name, className = "", labelledby, onClose, children }) => {
  const box = useRef(null);
  const shown = useRef(true); // the browser tells of a close later, when another dialog may be there
  useLayoutEffect(() => {
    const dialog = box.current;
    dialog.showModal();
    return () => {
      shown.current = false;
      if (dialog.open) dialog.close();
    };
  }, []);
  /* It closes this, by the browser, and means nothing to what is around. */
  const escape = (event) => event.key === "Escape" && event.stopPropagation();
  const closed = (event) => shown.current && event.target === event.currentTarget && onClose();
  return html`<dialog ref=${box} class=${`dialog ${className}`} aria-labelledby=${labelledby} data-testid=${name} onKeyDown=${escape} onClose=${closed}>
    ${children}
  </dialog>`;
};
