/* A page with nothing but a windowed list, for the browser: tests/flows/test_windowed.py. Everything a test does stands in `list`. */
import { render } from "preact";
import { html } from "../../src/html.js";
import { createPlace, Windowed } from "../../src/views/windowed.js";

const numbers = (seed) => () => (seed = (seed * 48271) % 2147483647);
const next = numbers(11);
const PADDING = 13; // of the box, above the first and below the last row; and a pixel
const api = createPlace();
const heightOf = new Map();
const told = { reached: 0, seen: [0, -1], drawings: 0 };
let made = 0;
let rows = [];

/* Every seventh row is one that is not held on to, as the line of a day is. */
const row = (start) => {
  made += 1;
  const key = `${start}${made}`;
  heightOf.set(key, 24 + (next() % 180));
  return { key, line: made % 7 === 0 };
};
const several = (count, start) => Array.from({ length: count }, () => row(start));

/* Heights come from inside, as those of messages do, and some rows have margins. */
const sized = (key) => (element) => element && (element.style.height = `${heightOf.get(key)}px`);
const Row = ({ one }) => html`<div class="inside" ref=${sized(one.key)}><button data-key=${one.key}>${one.key}</button></div>`;

const draw = () => {
  told.drawings += 1;
  render(
    html`<${Windowed}
      rows=${rows}
      keyOf=${(one) => one.key}
      render=${(one) => html`<${Row} key=${one.key} one=${one} />`}
      attributes=${(one) => ({ "data-row": one.key })}
      anchors=${(one) => !one.line}
      estimate=${60}
      label="Rows"
      api=${api}
      onReachTop=${() => (told.reached += 1)}
      onSeen=${(...seen) => (told.seen = seen)}
    />`,
    document.getElementById("root"),
  );
};

const box = () => document.querySelector(".windowed");
const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
const rowOf = (key) => document.querySelector(`[data-row="${key}"]`);
const topOf = (key) => rowOf(key)?.getBoundingClientRect().top - box().getBoundingClientRect().top;

/* Waits until nothing has moved for some frames. */
const still = async () => {
  let was = null;
  for (let same = 0; same < 3; ) {
    await frame();
    const now = JSON.stringify([box().scrollTop, box().scrollHeight, [...box().querySelectorAll("[data-row]")].map((one) => one.dataset.row)]);
    same = now === was ? same + 1 : 0;
    was = now;
  }
};

window.list = {
  api, box, topOf, told, still, frame,
  async begin(count) {
    rows = [{ ...row("r"), line: true }, ...several(count - 1, "r")];
    draw();
    await still();
  },
  prepend: (count) => ((rows = [...several(count, "p"), ...rows]), draw(), still()),
  /* The first row stays the first, as a button for older ones does. */
  insert: (count) => ((rows = [rows[0], ...several(count, "p"), ...rows.slice(1)]), draw(), still()),
  append: (count) => ((rows = [...rows, ...several(count, "a")]), draw(), still()),
  remove: (key) => ((rows = rows.filter((one) => one.key !== key)), draw(), still()),
  /* A row that is drawn grows by itself. */
  grow(key, height) {
    heightOf.set(key, height);
    rowOf(key).firstElementChild.style.height = `${height}px`;
    return still();
  },
  scrollTo: (top) => ((box().scrollTop = top), still()),
  keyAt: (index) => rows[index].key,
  indexOf: (key) => rows.findIndex((one) => one.key === key),
  drawnRows: () => [...box().querySelectorAll("[data-row]")].map((one) => one.dataset.row),
  /* Keys of the rows that the eye sees, in their order on the screen; and whether they lie against each other without gap or overlap. */
  seenRows() {
    const { top, bottom } = box().getBoundingClientRect();
    const inside = [...box().querySelectorAll("[data-row]")].map((one) => ({ key: one.dataset.row, ...one.getBoundingClientRect().toJSON() })).filter((one) => one.bottom > top && one.top < bottom);
    const whole = inside.every((one, at) => at === 0 || (Math.abs(one.top - inside[at - 1].bottom) < 1 && list.indexOf(one.key) === list.indexOf(inside[at - 1].key) + 1));
    const full = inside.length > 0 && inside[0].top <= top + PADDING && inside.at(-1).bottom >= bottom - PADDING;
    return { keys: inside.map((one) => one.key), whole, full };
  },
  fromEnd: () => box().scrollHeight - box().scrollTop - box().clientHeight,
};
