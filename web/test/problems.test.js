/* Failed answers of every kind, and the words for them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { adviceOf, problemOf } from "../recado/problems.js";
import { fieldText, Problem, problemText } from "../src/problems.js";
import { createTexts } from "../src/text.js";

const t = createTexts("en");

test("a problem document is read whole", () => {
  const body = JSON.stringify({
    code: "invalid",
    detail: "Check the name.",
    request_id: "r7",
    errors: [{ field: "username", code: "too_short", detail: "short" }, { field: 3 }, null, "x"],
  });
  const problem = problemOf(400, null, body);
  assert.equal(problem.code, "invalid");
  assert.equal(problem.requestId, "r7");
  assert.deepEqual(problem.fields, [{ field: "username", code: "too_short", detail: "short" }]);
  assert.equal(problem.transient, false);
});

test("whatever a proxy answers becomes a problem with words", () => {
  for (const body of ["<html>Bad gateway</html>", "", "null", "[]", '"x"', "{"]) {
    const problem = problemOf(502, null, body);
    assert.deepEqual([problem.code, problem.fields, problem.requestId, problem.said], ["bad_answer", [], "", null]);
    assert.equal(problem.transient, true);
    assert.equal(problemText(t, problem), t("error.unavailable"));
    assert.equal(problemOf(403, null, body).code, "bad_answer");
    assert.equal(problemOf(401, null, body).unauthenticated, false);
    assert.equal(problemText(t, problemOf(403, null, body)), t("error.bad_answer"));
  }
});

test("Retry-After is believed within reason, and in seconds only: a date would need a right clock", () => {
  for (const [said, seconds] of [["7", 7], [" 7 ", 7], ["0", 0], [7, 7], ["999999", 3600]]) assert.equal(adviceOf(said), seconds);
  for (const said of ["Sun, 22 Nov 2026 10:01:00 GMT", "soon", "", "-1", -1, NaN, null, undefined, {}, [7]]) assert.equal(adviceOf(said), null);
  assert.equal(problemOf(503, "7", "").retryAfter, 7);
});

test("a wrong password says nothing of the session", () => {
  const code = (code) => problemOf(401, null, JSON.stringify({ code })).unauthenticated;
  assert.deepEqual(["unauthenticated", "wrong_password", "wrong_code", "second_factor_required"].map(code), [true, false, false, false]);
});

test("a wait is told in seconds, a long one in minutes", () => {
  const wait = (retryAfter) => problemText(t, new Problem("problem", { status: 429, code: "too_many_requests", retryAfter }));
  assert.match(wait(1), /1 second\./);
  assert.match(wait(42), /42 seconds/);
  assert.match(wait(600), /10 minutes/);
  assert.equal(wait(null), t("error.too_many_requests"));
});

test("an unknown failure shows the request's number and nothing else", () => {
  const problem = problemOf(500, null, JSON.stringify({ code: "strange", detail: "KeyError at line 3", request_id: "abc" }));
  assert.match(problemText(t, problem), /abc/);
  assert.doesNotMatch(problemText(t, problem), /KeyError/);
  assert.equal(problemText(t, new TypeError("x is undefined")), t("error.page"));
});

test("a field's fault has the catalogue's words, with the server's number, else the server's words", () => {
  assert.equal(fieldText(t, { field: "username", code: "taken", detail: "x" }), t("field.username.taken"));
  assert.match(fieldText(t, { field: "password", code: "too_short", detail: "at least 15 characters" }), /15/);
  assert.match(fieldText(t, { field: "password", code: "too_short" }), /8/);
  assert.equal(fieldText(t, { field: "username", code: "new_rule", detail: "No such names." }), "No such names.");
  assert.equal(fieldText(t, { field: "__proto__", code: "constructor", detail: "" }), t("error.invalid"));
});
