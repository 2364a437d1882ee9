/* What is shown of times follows the day and the zone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { followToday, today } from "../src/today.js";
import { clockTime } from "../src/when.js";

test("it changes at midnight and in another zone, and nowhere between", () => {
  const zone = process.env.TZ;
  const ears = new Map();
  const target = { setInterval: (work) => ears.set("tick", work), addEventListener: (kind, work) => ears.set(kind, work) };
  const at = Date.parse("2026-11-22T12:00:00Z");
  let moment = at;
  try {
    process.env.TZ = "UTC";
    followToday({ now: () => moment, target });
    const first = today.value;
    moment += 3_600_000;
    ears.get("tick")();
    assert.equal(today.value, first);
    moment += 12 * 3_600_000;
    ears.get("tick")();
    const second = today.value;
    assert.notEqual(second, first);
    assert.match(clockTime("en-GB", at), /12:00/);
    process.env.TZ = "Asia/Tokyo";
    ears.get("focus")();
    assert.notEqual(today.value, second);
    assert.match(clockTime("en-GB", at), /21:00/);
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
});
