/* The words for what went wrong. Pure. A Problem is the library's; the page adds the kind "passkey" (the browser made or used none). */
import { Problem } from "../recado.js";
import { PASSWORD_MIN } from "./names.js";

export { Problem };

/** One sentence for a person. `t` is the catalogue's lookup, `t.has` asks whether it knows a key. */
export const problemText = (t, problem) => {
  if (!(problem instanceof Problem)) return t("error.page");
  if (problem.code === "too_many_requests" && problem.retryAfter) {
    const minutes = problem.retryAfter > 90;
    return t.count(minutes ? "error.wait_minutes" : "error.wait_seconds", minutes ? Math.ceil(problem.retryAfter / 60) : problem.retryAfter);
  }
  if (problem.code === "bad_answer" && problem.status >= 500) return t("error.unavailable");
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
