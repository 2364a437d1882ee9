/* What can go wrong in a call, as one kind of value, and the words for it. Pure. */

import { PASSWORD_MIN } from "./names.js";

/** A call that failed. `kind`: "network" (no answer came), "aborted" (nobody wants it any more), "problem" (the server said no),
    "passkey" (the browser made or used none). `said` is the body of a refusal. */
export class Problem extends Error {
  constructor(kind, { status = 0, code = kind, detail = "", fields = [], retryAfter = null, requestId = "", said = null } = {}) {
    super(`${kind} ${status} ${code}`);
    this.name = "Problem";
    Object.assign(this, { kind, status, code, detail, fields, retryAfter, requestId, said });
  }

  /** True when the same call may succeed later without a change. */
  get transient() {
    return this.kind === "network" || [408, 425, 429, 502, 503, 504].includes(this.status);
  }
}

const text = (value) => (typeof value === "string" ? value : "");

const fieldOf = (value) =>
  value && typeof value === "object" && typeof value.field === "string"
    ? [{ field: value.field, code: text(value.code), detail: text(value.detail) }]
    : [];

/** Seconds of a Retry-After header (RFC 9110 §10.2.3, both forms), or null. */
export const retryAfterOf = (header, now = Date.now()) => {
  if (!header) return null;
  if (/^\d+$/.test(header.trim())) return Number(header.trim());
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - now) / 1000));
};

/** A failed answer as a Problem. The body may be anything: a proxy's HTML, nothing, or RFC 9457. */
export const problemOf = (status, header, body) => {
  let said = null;
  try {
    said = JSON.parse(body);
  } catch {
    said = null;
  }
  const retryAfter = retryAfterOf(header("Retry-After"));
  if (!said || typeof said !== "object" || Array.isArray(said)) {
    return new Problem("problem", { status, code: status >= 500 ? "unavailable" : "bad_answer", retryAfter });
  }
  return new Problem("problem", {
    status,
    code: text(said.code) || "unknown",
    detail: text(said.detail) || text(said.title),
    fields: Array.isArray(said.errors) ? said.errors.flatMap(fieldOf) : [],
    retryAfter,
    requestId: text(said.request_id),
    said,
  });
};

/** One sentence for a person. `t` is the catalogue's lookup, `t.has` asks whether it knows a key. */
export const problemText = (t, problem) => {
  if (!(problem instanceof Problem)) return t("error.page");
  if (problem.code === "too_many_requests" && problem.retryAfter) {
    const minutes = problem.retryAfter > 90;
    return t.count(minutes ? "error.wait_minutes" : "error.wait_seconds", minutes ? Math.ceil(problem.retryAfter / 60) : problem.retryAfter);
  }
  const key = `error.${problem.code}`;
  if (t.has(key)) return t(key);
  if (problem.status >= 500) return problem.requestId ? t("error.internal_id", { id: problem.requestId }) : t("error.internal");
  return problem.detail || t("error.unknown");
};

/** One sentence for one field: the catalogue's, else the server's own. The server's number stands: it may be set otherwise than usual. */
export const fieldText = (t, { field, code, detail = "" }) => {
  const key = `field.${field}.${code}`;
  const n = /\d+/.exec(detail)?.[0] ?? PASSWORD_MIN;
  return t.has(key) ? t(key, { n }) : detail || t("error.invalid");
};
