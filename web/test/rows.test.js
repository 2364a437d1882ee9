/* What stands in an open conversation: days in any zone, the line of the unread, runs, keys. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { keyOfItem, rowsOf, timeOf } from "../src/rows.js";

const ZONE = process.env.TZ;
afterEach(() => {
  if (ZONE === undefined) delete process.env.TZ;
  else process.env.TZ = ZONE;
});

const item = (id, timestamp, sender = "bob", more = {}) => ({ id, sender, recipient: "alice", content: "x", timestamp, mine: false, ...more });
const now = Date.parse("2026-11-22T12:00:00Z");
const laid = (items, firstUnread = null) => rowsOf(items, { firstUnread, now });
const kinds = (items, firstUnread) => laid(items, firstUnread).map(({ kind, item: one }) => (kind === "message" ? one.id : kind));
const hourly = (from, hours) =>
  Array.from({ length: hours }, (_, at) => item(at + 1, new Date(Date.parse(from) + at * 3_600_000).toISOString()));
/** How many messages, one an hour, stand under each day. */
const hoursOfDays = (zone, from, hours) => {
  process.env.TZ = zone;
  const days = [];
  for (const { kind } of laid(hourly(from, hours))) kind === "day" ? days.push(0) : (days[days.length - 1] += 1);
  return days;
};

test("days are the reader's own: of 23 hours and of 25, in zones where midnight is missing or comes twice, and where a whole day is", () => {
  for (const [zone, from, hours, wanted] of [
    ["UTC", "2026-03-28T00:00:00Z", 72, [24, 24, 24]],
    ["Europe/Lisbon", "2026-03-28T00:00:00Z", 71, [24, 23, 24]],
    ["Europe/Berlin", "2026-10-23T22:00:00Z", 73, [24, 25, 24]],
    ["America/Sao_Paulo", "2018-11-03T03:00:00Z", 71, [24, 23, 24]], // no midnight on the 4th
    ["America/Sao_Paulo", "2018-02-17T02:00:00Z", 73, [25, 24, 24]], // 23 o'clock twice
    ["America/Havana", "2025-11-01T04:00:00Z", 73, [24, 25, 24]], // midnight twice
    ["Pacific/Apia", "2011-12-29T10:00:00Z", 48, [24, 24]], // no 30th of December
    ["Asia/Kathmandu", "2026-01-01T18:15:00Z", 48, [24, 24]],
  ]) {
    assert.deepEqual(hoursOfDays(zone, from, hours), wanted, `${zone} from ${from}`);
  }
});

test("a message a second before midnight and one a second after are of two days, whatever the distance", () => {
  process.env.TZ = "America/Sao_Paulo";
  assert.deepEqual(kinds([item(1, "2026-11-22T02:59:59Z"), item(2, "2026-11-22T03:00:00Z")]), ["day", 1, "day", 2]);
  assert.deepEqual(kinds([item(1, "2026-11-22T03:00:00Z"), item(2, "2026-11-23T02:59:59Z")]), ["day", 1, 2]);
  assert.deepEqual(kinds([item(1, "2020-01-01T12:00:00Z"), item(2, "2026-01-01T12:00:00Z")]), ["day", 1, "day", 2]);
});

test("a run ends with the person, a pause, a day and the line of the unread", () => {
  process.env.TZ = "UTC";
  const items = [
    item(1, "2026-11-21T10:00:00Z"),
    item(2, "2026-11-21T10:05:00Z", "BOB"),
    item(3, "2026-11-21T10:05:01Z", "alice", { mine: true }),
    item(4, "2026-11-21T10:10:02Z", "alice", { mine: true }),
    item(5, "2026-11-21T23:59:59Z"),
    item(6, "2026-11-22T00:00:01Z"),
    item(7, "2026-11-22T00:00:02Z"),
    item(8, "2026-11-22T00:00:03Z"),
  ];
  const runs = laid(items, 8).filter(({ kind }) => kind === "message").map(({ newRun }) => newRun);
  assert.deepEqual(runs, [true, false, true, true, true, true, false, true]);
});

test("the line of the unread stands once, before the first of them, and before the next one when that is gone", () => {
  const items = [1, 2, 3, 4].map((id) => item(id, "2026-11-22T10:00:00Z"));
  assert.deepEqual(kinds(items, 3), ["day", 1, 2, "unread", 3, 4]);
  assert.deepEqual(kinds(items.filter(({ id }) => id !== 3), 3), ["day", 1, 2, "unread", 4]);
  assert.deepEqual(kinds(items, 1), ["day", "unread", 1, 2, 3, 4]);
  assert.deepEqual(kinds(items, 9), ["day", 1, 2, 3, 4]);
  assert.deepEqual(kinds(items, null), ["day", 1, 2, 3, 4]);
  const answered = [items[0], { ...items[1], mine: true, sender: "alice" }];
  assert.deepEqual(kinds(answered, 2), ["day", 1, 2], "one's own words are not unread");
});

test("a message has one key from its first letter to its last state; no two rows have the same", () => {
  const pending = { client_id: "u1", sender: "alice", recipient: "bob", content: "x", mine: true, state: "sending" };
  const stored = { ...pending, id: 7, timestamp: "2026-11-22T10:00:00Z", state: "sent" };
  assert.equal(keyOfItem(pending), keyOfItem(stored));
  assert.notEqual(keyOfItem({ ...stored, mine: false }), keyOfItem(stored), "another person's client_id is theirs to choose");
  const items = [item(1, "2026-11-20T10:00:00Z"), item(7, "2026-11-21T10:00:00Z"), { ...stored, id: 8 }, item(9, "2026-11-20T10:00:00Z"), { ...pending, client_id: "7" }];
  const keys = laid(items, 7).map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length);
});

test("what is not stored yet is of now; a time that is none is of the beginning, and breaks nothing", () => {
  assert.equal(timeOf({ mine: true }, now), now);
  assert.equal(timeOf({ timestamp: "2026-11-22T12:00:00Z" }, 5), now);
  assert.equal(timeOf({ timestamp: "rubbish" }, now), 0);
  assert.deepEqual(laid([]), []);
  assert.equal(laid([item(1, "rubbish"), item(2, "2026-11-22T12:00:00Z")]).length, 4);
});
