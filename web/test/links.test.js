/* Links in plain text: what is one, where it goes, and what only looks like one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isEmojiOnly, LINK_MAX, pieces } from "../src/links.js";

const linked = (text) => pieces(text).filter(({ href }) => href).map(({ text: shown }) => shown);
const hrefs = (text) => pieces(text).map(({ href }) => href).filter(Boolean);

test("a text without links is one piece, and pieces joined are the text", () => {
  assert.deepEqual(pieces(""), []);
  assert.deepEqual(pieces("hello"), [{ text: "hello" }]);
  assert.deepEqual(pieces("see http://a.example/b, or not"), [
    { text: "see " },
    { text: "http://a.example/b", href: "http://a.example/b" },
    { text: ", or not" },
  ]);
  for (const text of ["http://a.example", "(http://a.example).", "a\n\nhttp://b.example\n", "http://[ http://x@y http://c.example"]) {
    assert.equal(pieces(text).map(({ text: one }) => one).join(""), text);
  }
});

test("what stands around a link stays outside, what belongs to it stays inside", () => {
  const cases = new Map([
    ["Look: http://a.example/x.", "http://a.example/x"],
    ["(http://a.example/x)", "http://a.example/x"],
    ["http://en.example/wiki/A_(b)", "http://en.example/wiki/A_(b)"],
    ["(see http://en.example/wiki/A_(b))?!", "http://en.example/wiki/A_(b)"],
    ["[http://a.example/?q[]=1]", "http://a.example/?q[]=1"],
    ["<http://a.example/x>", "http://a.example/x"],
    ["“http://a.example/x”…", "http://a.example/x"],
    ["*http://a.example/x*", "http://a.example/x"],
    ["http://a.example/a,b;c?d=e&f=g#h", "http://a.example/a,b;c?d=e&f=g#h"],
    ["http://a.example/x，然后", "http://a.example/x"],
    ["HTTP://A.example:8080/ÀB", "HTTP://A.example:8080/ÀB"],
    ["http://[::1]:8000/x", "http://[::1]:8000/x"],
    ["http://localhost:8000", "http://localhost:8000"],
    ["http://192.168.0.1/", "http://192.168.0.1/"],
    ["http://a.example/\\@b", "http://a.example/"],
    ["x,http://a.example", "http://a.example"],
  ]);
  for (const [text, link] of cases) assert.deepEqual(linked(text), [link], text);
  assert.deepEqual(linked("http://a.example\nhttps://b.example http://c.example"), ["http://a.example", "https://b.example", "http://c.example"]);
  assert.deepEqual(hrefs("HTTP://A.Example/ÀB"), ["http://a.example/%C3%80B"]);
});

test("only http and https are links, at the beginning of a word", () => {
  for (const text of [
    "javascript:alert(1)", "data:text/html,x", "ftp://a.example", "mailto:a@b.example", "www.a.example", "a.example",
    "xhttp://a.example", "1http://a.example", "éhttp://a.example", "_http://a.example", "x/http://a.example", "view-source-http://a.example",
    "@http://a.example", "http://", "http:///a.example", "http://.", "https://?x", "http:a.example", "http://a b".slice(0, 7),
  ]) assert.deepEqual(linked(text), [], text);
});

test("a link with somebody's name or password in it is no link", () => {
  for (const text of ["http://google.com@evil.example/", "https://user:pass@a.example", "http://@a.example", "http://a%40b@c.example"]) {
    assert.deepEqual(linked(text), [], text);
  }
  assert.deepEqual(linked("http://a.example/@user"), ["http://a.example/@user"]);
});

test("a link that looks like another place is no link", () => {
  for (const text of [
    "http://a.example/\u202egnp.exe", "http://a\u200bb.example", "http://a.example\ufeff.b.example", "http://a.example\u200a.b.example",
    "http://a.example\u2060/x", "http://a\u00adb.example", "http://a.example/\u{e0041}", "http://a.example\u2800.b.example", "http://a\u3164.example",
    "http://pаypal.com", // a Cyrillic а among Latin letters
    "http://аррӏе.com", // Cyrillic throughout, and all of it looks Latin
    "http://ｇｏｏｇｌｅ.com", "http://ⓖoogle.com", "http://goog\u0131e.com", "http://goo\u0261le.com",
    "http://google.com\u2044evil.example", "http://google.com\u2215x.evil.example", "http://google.com／evil.example", "http://google.com\u3002evil.example/x".replace("\u3002", "\uff0e"),
    "http://google.comノevil.jp", "http://a\u0300.example",
    "http://0x7f.1/", "http://2130706433", "http://%65vil.example", "http://127.1/", "http://a.example%2eb.example/",
  ]) assert.deepEqual(linked(text), [], JSON.stringify(text));
  assert.deepEqual(linked("\u202ehttp://a.example\u202c"), []);
  assert.deepEqual(linked("\u202e so http://a.example"), []);
  assert.deepEqual(linked("\u2067x http://a.example"), []);
});

test("names of hosts in the scripts of the world are links, to their parsed names", () => {
  assert.deepEqual(hrefs("http://münchen.example/ü"), ["http://xn--mnchen-3ya.example/%C3%BC"]);
  assert.deepEqual(hrefs("https://ação.com.br"), ["https://xn--ao-siap.com.br/"]);
  for (const text of ["http://пример.рф", "http://яндекс.com", "http://例え.jp", "http://한국.kr", "http://عربي.example", "http://उदाहरण.example"]) {
    assert.equal(linked(text).length, 1, text);
  }
  assert.deepEqual(linked("http://xn--mnchen-3ya.example"), ["http://xn--mnchen-3ya.example"]);
});

test("what is longer than any link is none", () => {
  const long = `http://a.example/${"x".repeat(LINK_MAX)}`;
  assert.deepEqual(pieces(long), [{ text: long }]);
  assert.equal(linked(long.slice(0, LINK_MAX)).length, 1);
});

/* How often a text is looked at, counted where it costs: signs given to the parser of URLs, and steps of the loop over signs. */
const work = (text) => {
  const RealURL = globalThis.URL;
  const get = Map.prototype.get;
  const counted = { read: 0, steps: 0 };
  globalThis.URL = class extends RealURL {
    constructor(link) {
      counted.read += link.length;
      super(link);
    }
  };
  Map.prototype.get = function (key) {
    counted.steps += 1;
    return get.call(this, key);
  };
  try {
    const length = pieces(text).reduce((sum, one) => sum + one.text.length, 0);
    return { ...counted, length };
  } finally {
    globalThis.URL = RealURL;
    Map.prototype.get = get;
  }
};

test("hostile texts cost no more than their length", () => {
  const SIZE = 100_000;
  const hostile = [
    "http://", "http://http://", " http://a", "(http://", "http://a.example/((((", "http://a.example/))))", "http://a.example/....", " http://a.example/).",
    "http://a@", "http://[", "[http://[::1]", "é", "http://é", "http:/", "h", " ", ".", ")", "\u202e", "http://a.\u200b", "http://xn--", "http://%", "https://а.",
  ];
  for (const part of hostile) {
    const text = part.repeat(SIZE / part.length);
    const { read, steps, length } = work(text);
    assert.equal(length, text.length, part);
    assert.ok(read <= length, `${part}: ${read}`);
    assert.ok(steps <= 4 * length, `${part}: ${steps}`);
  }
  const [few, many] = [200, 20_000].map((size) => work(`http://a.example/${"(".repeat(size)}${")".repeat(size)}${".)".repeat(size)}`));
  assert.ok(many.steps / many.length <= few.steps / few.length + 1);
});

test("one to three emoji alone are seen as such", () => {
  for (const text of ["😀", "👍🏽", "❤️", "👩🏽‍🚒", "🏳️‍🌈", "🇧🇷", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", " 😀 🎉\n", "😀😀😀", "👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦", "☺️"]) assert.equal(isEmojiOnly(text), true, text);
  for (const text of ["", " ", "a", "😀a", "😀😀😀😀", "1", "12", "#", "©", "™", "\u200d", "😀".repeat(50_000), " ".repeat(100_000)]) assert.equal(isEmojiOnly(text), false, text.slice(0, 9));
});
