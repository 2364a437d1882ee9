/* The list of conversations as values: rows, order, what is unread. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptied, firstUnreadOf, newestFirst, newRow, outlived, rowOf, unreadOf, withPage, withRow } from "../src/listing.js";
import { messageFor } from "./server.js";

const theirs = (id) => ({ ...messageFor(id, "bob", "alice", `m${id}`), mine: false });
const own = (id) => ({ ...messageFor(id, "alice", "bob", `m${id}`), mine: true });
const pending = { client_id: "u", sender: "alice", recipient: "bob", content: "x", mine: true, state: "sending" };
const base = (upTo, unread) => ({ base: { upTo, unread } });

test("unread is the server's count and what came later, each message once", () => {
  assert.equal(unreadOf(base(0, 0), [], 0), 0);
  assert.equal(unreadOf(base(5, 3), [], 0), 3);
  assert.equal(unreadOf(base(5, 3), [theirs(4), theirs(5)], 0), 3, "counted by the server already");
  assert.equal(unreadOf(base(5, 3), [theirs(5), theirs(6), own(7), theirs(8), pending], 0), 5);
  assert.equal(unreadOf(base(0, 0), [theirs(6), own(7)], 0), 1);
});

test("what has been read is not unread, on this device or on another", () => {
  assert.equal(unreadOf(base(5, 3), [], 5), 0);
  assert.equal(unreadOf(base(5, 3), [theirs(6), theirs(7)], 6), 1);
  assert.equal(unreadOf(base(5, 3), [theirs(6)], 9), 0);
  assert.equal(unreadOf(base(9, 4), [theirs(7), theirs(8)], 3), 4, "not all is known from there on");
});

test("a part that has been read is taken off as soon as all that follows is known", () => {
  const items = [own(3), theirs(6), theirs(7), own(8), theirs(9), pending];
  assert.equal(unreadOf(base(9, 3), items, 6), 2);
  assert.equal(unreadOf(base(9, 3), items, 5), 3);
  assert.equal(unreadOf(base(12, 6), items, 6), 6, "the log has not caught up with the list");
});

test("the first unread is counted back from the newest of them, or is not among what is known", () => {
  const items = [theirs(1), own(2), theirs(3), theirs(4), own(5), pending];
  assert.equal(firstUnreadOf(items, 2), 3);
  assert.equal(firstUnreadOf(items, 3), 1);
  assert.equal(firstUnreadOf(items, 4), null);
  assert.equal(firstUnreadOf(items, 0), null);
  assert.equal(firstUnreadOf([], 3), null);
  assert.equal(firstUnreadOf([...items.slice(0, 5), theirs(6), theirs(7)], 2, 5), 3, "what came later is none of those counted");
});

test("what is no conversation makes no row, and what is no message is not shown", () => {
  for (const said of [null, undefined, 7, "x", [], {}, { peer: "" }, { peer: 7 }, { peer: null }]) assert.equal(rowOf(said), null);
  for (const last of [7, "x", {}, { id: 3, content: "x" }, { ...messageFor(3, "bob", "alice", "x"), sender: null }, messageFor("3", "b", "a", "x"), messageFor(3, "bob", "alice", "")]) {
    assert.deepEqual(rowOf({ peer: "Bob", last_message: last, unread: -1, online: "yes", last_seen: 4, display_name: "" }), {
      ...newRow("Bob"), displayName: undefined, online: undefined, lastSeen: undefined,
    });
  }
  const rows = withPage(new Map(), [null, { peer: "__proto__", unread: 2, last_message: messageFor(3, "__proto__", "alice", "x") }, "x"]);
  assert.deepEqual([...rows.keys()], ["__proto__"]);
  assert.deepEqual(rows.get("__proto__").base, { upTo: 3, unread: 2 });
});

test("a page of the server's is newer than what is known, but for a later message", () => {
  const known = withPage(new Map(), [{ peer: "bob", unread: 1, online: true, last_message: messageFor(9, "bob", "alice", "later") }]);
  const said = { peer: "BOB", unread: 4, online: false, last_message: messageFor(7, "bob", "alice", "earlier") };
  const row = withPage(known, [said]).get("bob");
  assert.deepEqual([row.last.content, row.base, row.online, row.peer], ["later", { upTo: 7, unread: 4 }, false, "BOB"]);
  const mended = withPage(known, [{ peer: "bob", last_message: messageFor(9, "bob", "alice", "mended") }]).get("bob");
  assert.equal(mended.last.content, "mended", "of the same message the server's text holds");
  assert.equal(known.get("bob").last.content, "later", "nothing is changed in place");
});

test("without a past, what was shown of it gives way to what the server says, however late it was", () => {
  const known = withPage(new Map(), [{ peer: "bob", unread: 1, online: true, last_message: messageFor(9, "bob", "alice", "deleted since") }]);
  const row = withPage(emptied(known), [{ peer: "bob", last_message: messageFor(7, "bob", "alice", "stands") }]).get("bob");
  assert.equal(row.last.content, "stands");
  assert.deepEqual(emptied(known).get("bob"), { ...known.get("bob"), last: null, ended: undefined, pending: null, base: { upTo: 0, unread: 0 } });
});

test("a change of a row that is not there changes nothing, not even the map", () => {
  const rows = new Map([["bob", newRow("bob")]]);
  assert.equal(withRow(rows, "carol", { online: true }), rows);
  assert.equal(withRow(rows, "bob", { online: true }).get("bob").online, true);
});

test("newest first, what waits before all; an empty row is not listed, unless something is begun there", () => {
  const row = (peer, id, more = {}) => ({ ...newRow(peer), last: id ? messageFor(id, peer, "alice", "x") : null, ...more });
  const order = (...rows) => newestFirst(rows).map(({ peer }) => peer);
  assert.deepEqual(order(row("a", 1), row("b", 3), row("c", 2)), ["b", "c", "a"]);
  assert.deepEqual(order(row("a", 5), row("b"), row("c", null, { draft: "hm" }), row("d", 2, { pending })), ["d", "a", "c"]);
  assert.deepEqual(order(row("a", 1, { pending }), row("b", null, { pending })), ["a", "b"]);
  assert.deepEqual(order(row("a", 1), row("b", null, { ended: 2 }), row("c", 3)), ["c", "b", "a"], "until it is known what there is before");
});

test("a last message whose time is over leaves the row, and one less unread if it was one of them", () => {
  const row = (sender, upTo = 6) => ({ ...newRow("Bob"), last: messageFor(6, sender, "alice", "x"), base: { upTo, unread: 2 } });
  const left = (given, seen) => [outlived(given, seen).base.unread, outlived(given, seen).last, outlived(given, seen).ended];
  assert.deepEqual(left(row("bob"), 4), [1, null, 6]);
  for (const [given, seen] of [[row("alice"), 4], [row("bob"), 6], [row("bob", 5), 4]]) assert.deepEqual(left(given, seen), [2, null, 6]);
});
