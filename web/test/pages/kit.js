/* A page with the pieces of the chat and nobody behind them, for the browser: tests/flows/test_kit.py. */
import { render } from "preact";
import { useRef, useState } from "preact/hooks";
import { copyText } from "../../src/copy.js";
import { withRecent } from "../../src/emoji.js";
import { html } from "../../src/html.js";
import { createSigns } from "../../src/signs.js";
import { speak, texts } from "../../src/text.js";
import { Dialog } from "../../src/views/dialog.js";
import { EmojiPicker } from "../../src/views/emoji-picker.js";
import * as icons from "../../src/views/icons.js";
import { Menu } from "../../src/views/menu.js";
import { RichText } from "../../src/views/rich-text.js";
import { Appearance } from "../../src/views/settings/appearance.js";
import { Windowed } from "../../src/views/windowed.js";

const { Bin, Copy, Pencil, Reply, Smile } = icons;
const wanted = new URL(location.href).searchParams;
speak([wanted.get("lang") ?? "en"]);
document.documentElement.lang = texts.value.tag;

const said = [
  "Look at https://example.org/a_(b), and (http://münchen.example/ü).",
  "<b>not bold</b> javascript:alert(1) http://user@evil.example/",
  "😀🎉",
  "שלום https://example.org/שלום עולם",
  "line one\n  line two",
  "ok",
];
const rows = Array.from({ length: 200 }, (_, at) => ({ key: `m${at}`, text: said[at % said.length], mine: at % 3 === 0 }));
const told = (window.told = []);

const actions = (one) => [
  { key: "reply", text: "Reply", icon: Reply, onChoose: () => told.push(["reply", one.key]) },
  { key: "copy", text: "Copy", icon: Copy, onChoose: async () => told.push(["copy", await copyText(one.text)]) },
  { key: "edit", text: "Edit", icon: Pencil, onChoose: () => told.push(["edit", one.key]) },
  { key: "delete", text: "Delete", icon: Bin, danger: true, onChoose: () => told.push(["delete", one.key]) },
];

const Message = ({ one }) =>
  html`<div class=${`message ${one.mine ? "message-mine" : "message-theirs"}`}>
    <div class="bubble"><p class="message-text" dir="auto"><${RichText} text=${one.text} /></p></div>
    <${Menu} label=${`Actions of ${one.key}`} items=${actions(one)} name=${`actions-${one.key}`} />
  </div>`;

const Composer = () => {
  const [open, setOpen] = useState(false);
  const [recents, setRecents] = useState([]);
  const [text, setText] = useState("");
  const opener = useRef(null);
  const pick = (emoji) => {
    setText(text + emoji);
    setRecents(withRecent(recents, emoji));
  };
  return html`<div class="composer">
    ${open && html`<${EmojiPicker} recents=${recents} onPick=${pick} onClose=${() => setOpen(false)} opener=${opener} />`}
    <div class="composer-line"><textarea rows="1" aria-label="Message" data-testid="text" value=${text} onInput=${(event) => setText(event.currentTarget.value)}></textarea>
    <button ref=${opener} type="button" class="button button-round button-quiet" aria-label="Emoji" aria-expanded=${open} data-testid="emoji-open" onClick=${() => setOpen(!open)}><${Smile} /></button></div>
  </div>`;
};

const App = () => {
  const [dialog, setDialog] = useState(false);
  return html`<div class="chat" onKeyDown=${(event) => event.key === "Escape" && told.push("escaped")}>
    <main class="thread thread-inner">
      <h1 data-testid="aside">Kit</h1>
      <button type="button" class="button" data-testid="appearance-open" onClick=${() => setDialog(true)}>Appearance</button>
      <div class="messages-frame">
        <${Windowed} rows=${rows} keyOf=${(one) => one.key} render=${(one) => html`<${Message} one=${one} />`} estimate=${60} label="Messages" />
      </div>
      <${Composer} />
    </main>
    ${dialog &&
    html`<${Dialog} name="appearance" labelledby="appearance-heading" onClose=${() => setDialog(false)}>
      <h2 id="appearance-heading">Appearance</h2>
      <${Appearance} />
      <button type="button" data-testid="copy-in-dialog" class="button" onClick=${async () => told.push(["copy", await copyText("from within")])}>Copy</button>
      <${Menu} label="More" items=${actions({ key: "dialog", text: "x" })} name="dialog-menu" />
    <//>`}
    ${wanted.has("icons") && html`<p data-testid="icons">${Object.entries(icons).map(([name, Icon]) => html`<span key=${name} title=${name}><${Icon} /></span>`)}</p>`}
  </div>`;
};

window.signs = createSigns({ document });
render(html`<${App} />`, document.getElementById("recado"));
