/* Title and icon follow what is unread, and go back to what they were. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { badgeText, createSigns } from "../src/signs.js";

const turn = () => new Promise((resolve) => setImmediate(resolve));

/* So much of a browser as the signs need; what is drawn is what was written. */
const browser = ({ link = { href: "/icon.svg", type: "image/svg+xml" }, loads = true } = {}) => {
  const pen = () => {
    const written = [];
    return { written, drawImage() {}, beginPath() {}, arc() {}, fill() {}, fillText: (text) => written.push(text) };
  };
  const images = [];
  class Image {
    set src(address) {
      this.address = address;
      images.push(this);
      queueMicrotask(() => (loads ? this.onload() : this.onerror(new Error("no"))));
    }
  }
  const canvas = () => {
    const one = pen();
    return { getContext: () => one, toDataURL: () => `data:${one.written.join()}` };
  };
  const document = { title: "Recado", querySelector: () => link, createElement: canvas };
  return { signs: createSigns({ document, Image }), document, link, images };
};

test("what is unread is in the title and on the icon, and goes away again", async () => {
  const { signs, document, link, images } = browser();
  signs.show({ unread: 3, title: "(3) Recado" });
  await turn();
  assert.deepEqual([document.title, link], ["(3) Recado", { href: "data:3", type: "image/png" }]);
  signs.show({ unread: 12, title: "(12) Recado" });
  await turn();
  assert.equal(link.href, "data:9+");
  signs.show({ unread: 0, title: "Recado" });
  assert.deepEqual([document.title, link], ["Recado", { href: "/icon.svg", type: "image/svg+xml" }]);
  assert.equal(images.length, 1);
});

test("the newest number wins, and the same one is shown once", async () => {
  const { signs, link, images } = browser();
  signs.show({ unread: 1, title: "1" });
  signs.show({ unread: 2, title: "2" });
  signs.show({ unread: 2, title: "2 again" });
  signs.show({ unread: 0, title: "0" });
  await turn();
  assert.deepEqual([link.href, images.length], ["/icon.svg", 1]);
});

test("what the browser refuses is left out", async () => {
  for (const odd of [{ loads: false }, { link: null }]) {
    const { signs, document, link } = browser(odd);
    signs.show({ unread: 1, title: "(1)" });
    await turn();
    assert.equal(document.title, "(1)");
    if (odd.loads === false) assert.equal(link.href, "/icon.svg");
  }
});

test("a number of two digits does not fit", () => {
  assert.deepEqual([badgeText(1), badgeText(9), badgeText(10)], ["1", "9", "9+"]);
});
