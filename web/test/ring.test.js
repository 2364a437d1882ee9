/* One tone for a message in all tabs of a browser, and none for what somebody sees come. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRing, HUSH_MS } from "../src/ring.js";
import { createClock } from "./clock.js";

/* Tabs of one browser; the first has the connection. */
const browser = (count) => {
  const clock = createClock();
  const ears = [];
  let played = 0;
  const tabs = Array.from({ length: count }, (_, at) => {
    const channel = {
      addEventListener: (_, ear) => ears.push({ at, ear }),
      postMessage: (data) => ears.forEach((one) => one.at !== at && one.ear({ data })),
    };
    return createRing({ tabs: channel, sound: { play: async () => (played += 1) }, isLeading: () => at === 0, clock });
  });
  return { clock, tabs, ears, played: () => played };
};
const UNSEEN = { muted: false, shown: false };

test("a message rings in the tab with the connection only, and only where it is not muted", async () => {
  const { clock, tabs, played } = browser(2);
  for (const tab of tabs) tab.hear({ id: 1 }, UNSEEN);
  await clock.forward(HUSH_MS - 1);
  assert.equal(played(), 0);
  await clock.forward(1);
  assert.equal(played(), 1);
  for (const tab of tabs) tab.hear({ id: 2 }, { muted: true, shown: false });
  await clock.forward(10_000);
  assert.equal(played(), 1);
});

test("what somebody sees come in any of the tabs is silent in all; what comes beside it is not", async () => {
  for (const looked of [0, 1]) {
    const { clock, tabs, played } = browser(2);
    for (const [at, tab] of tabs.entries()) tab.hear({ id: 7 }, { muted: false, shown: at === looked });
    for (const tab of tabs) tab.hear({ id: 8 }, UNSEEN);
    await clock.forward(HUSH_MS);
    assert.equal(played(), 1);
    assert.deepEqual(clock.waits(), []);
  }
});

test("other words between tabs, and a browser that has none, are no trouble", async () => {
  const { clock, tabs, ears, played } = browser(1);
  tabs[0].hear({ id: 1 }, UNSEEN);
  for (const data of [null, "signed_in", { kind: "draft" }, { kind: "shown" }]) ears[0].ear({ data });
  const alone = createRing({ tabs: null, sound: { play: async () => {} }, isLeading: () => true, clock });
  alone.hear({ id: 1 }, { muted: false, shown: true });
  alone.hear({ id: 2 }, UNSEEN);
  await clock.forward(HUSH_MS);
  assert.equal(played(), 1);
});
