/* The focus is never nowhere: when what has it goes away, and nobody has given it another place, it goes to the heading of what was
   around. Every view has one that can take it. */
const HEADINGS = ":is(h1, h2, h3, h4)[tabindex]";

const around = (element) => (element ? [element, ...around(element.parentElement)] : []);

/** Looks after the focus of this document for as long as there is one. */
export const keepFocus = (document) => {
  let path = []; // what has the focus, and what is around it

  const take = () => {
    if (document.activeElement !== document.body || path.length === 0 || path[0].isConnected) return;
    const headings = path.filter((one) => one.isConnected).flatMap((one) => [...one.querySelectorAll(HEADINGS)]);
    path = [];
    headings.find((one) => one.checkVisibility())?.focus();
  };

  document.addEventListener("focusin", ({ target }) => (path = around(target)));
  // Given up by the person, and not because it went away.
  document.addEventListener("focusout", ({ target }) =>
    queueMicrotask(() => target.isConnected && document.activeElement === document.body && (path = [])),
  );
  // Once it is drawn, and whoever gives the focus a better place has done so.
  new MutationObserver(() => path[0]?.isConnected === false && requestAnimationFrame(() => setTimeout(take))).observe(document.body, {
    childList: true,
    subtree: true,
  });
};
