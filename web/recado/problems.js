/* What can go wrong in a call, as one kind of value. Pure. */

/** 401 that say nothing of the session: it is as good as before, and is not renewed. */
const SAME_SESSION = new Set(["wrong_password", "wrong_code", "second_factor_required"]);
const LATER = new Set([408, 425, 429]);

const text = (value) => (typeof value === "string" ? value : "");

const fieldOf = (value) =>
  value && typeof value === "object" && typeof value.field === "string"
    ? [{ field: value.field, code: text(value.code), detail: text(value.detail) }]
    : [];

/** A call, or a frame, that failed.
    `kind`: "network" (no answer came), "aborted" (nobody wants it any more), "problem" (the server, or something before it, said no);
    who uses the library may add kinds of their own.
    `code`: what the server says it is; "bad_answer" when what came is not the server's (a proxy's page, nothing, broken JSON). */
export class Problem extends Error {
  /** @param {string} kind
      @param {{status?: number, code?: string, detail?: string, retryAfter?: number | null, said?: any}} [more] */
  constructor(kind, { status = 0, code = kind, detail = "", retryAfter = null, said = null } = {}) {
    super(`${kind} ${status} ${code}`);
    this.name = "Problem";
    this.kind = kind;
    this.status = status;
    this.code = code;
    this.detail = detail;
    /** Seconds that the server asks to wait, or null. */
    this.retryAfter = retryAfter;
    /** The whole body, when it was the server's own. */
    this.said = said;
    /** What is wrong with single fields: {field, code, detail}. */
    this.fields = Array.isArray(said?.errors) ? said.errors.flatMap(fieldOf) : [];
    /** For the operator of the server, who finds the cause by it. */
    this.requestId = text(said?.request_id);
  }

  /** True when the same may succeed later without a change. */
  get transient() {
    return this.kind === "network" || this.code === "bad_answer" || LATER.has(this.status) || this.status >= 500;
  }

  /** True when the server itself says that the token, or the session, is over; a proxy's 401 does not. */
  get unauthenticated() {
    return this.status === 401 && this.code !== "bad_answer" && !SAME_SESSION.has(this.code);
  }
}

const LONGEST_ADVICE_S = 3600;

/** Seconds to wait as the server advises, within reason, or null. The other form of the header, a date, would need a right clock. */
export const adviceOf = (value) => {
  const seconds = typeof value === "string" && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value;
  return typeof seconds === "number" && seconds >= 0 ? Math.min(seconds, LONGEST_ADVICE_S) : null;
};

/** A failed answer. The body may be anything: a proxy's HTML, nothing, or RFC 9457. */
export const problemOf = (status, retryAfter, body) => {
  let said = null;
  try {
    said = JSON.parse(body);
  } catch {
    said = null;
  }
  const ours = said !== null && typeof said === "object" && text(said.code) !== "";
  return new Problem("problem", {
    status,
    code: ours ? said.code : "bad_answer",
    detail: ours ? text(said.detail) : "",
    retryAfter: adviceOf(retryAfter),
    said: ours ? said : null,
  });
};
