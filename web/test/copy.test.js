/* The clipboard: the browser's own, else by a selection; true only when the text is there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { copyText } from "../src/copy.js";

/* So much of a document as copying needs. */
const paper = ({ copies = true, inDialog = false } = {}) => {
  const log = [];
  const dialog = { append: () => log.push("in the dialog") };
  const area = { select: () => log.push(`select ${area.value}`), remove: () => log.push("removed") };
  return {
    log,
    activeElement: { closest: () => (inDialog ? dialog : null), focus: () => log.push("focus back") },
    body: { append: () => log.push("in the body") },
    createElement: () => area,
    execCommand(what) {
      log.push(what);
      if (copies === "throws") throw new Error("no");
      return copies;
    },
  };
};
const refusing = { clipboard: { writeText: () => Promise.reject(new Error("not allowed")) } };

test("the clipboard of the browser is taken where there is one", async () => {
  const written = [];
  const document = paper();
  assert.equal(await copyText("a", { navigator: { clipboard: { writeText: async (text) => written.push(text) } }, document }), true);
  assert.deepEqual([written, document.log], [["a"], []]);
});

test("else the text is selected and copied, and the focus given back", async () => {
  for (const navigator of [{}, refusing]) {
    const document = paper();
    assert.equal(await copyText("a", { navigator, document }), true);
    assert.deepEqual(document.log, ["in the body", "select a", "copy", "removed", "focus back"]);
  }
  const document = paper({ inDialog: true });
  await copyText("a", { navigator: {}, document });
  assert.equal(document.log[0], "in the dialog");
});

test("it says when it did not work, and leaves nothing behind", async () => {
  for (const copies of [false, "throws"]) {
    const document = paper({ copies });
    assert.equal(await copyText("a", { navigator: refusing, document }), false);
    assert.deepEqual(document.log.slice(-2), ["removed", "focus back"]);
  }
});
