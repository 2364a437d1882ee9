/* The calls of the server: JSON out, JSON or a Problem back. Knows no token. */
import { Problem, problemOf } from "./problems.js";

export const PATIENCE_MS = 20_000;
export const PATIENCE_FILE_MS = 600_000;

/** The path of `rel="next"` in a Link header (RFC 8288), kept on this server, or null. */
export const nextOf = (header) => {
  const found = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(header ?? "");
  if (!found) return null;
  const { pathname, search } = new URL(found[1], "http://server.invalid");
  return pathname.startsWith("/api/") ? pathname + search : null;
};

/** @typedef {{body?: object, headers?: Record<string, string>, signal?: AbortSignal, file?: boolean}} Asking
    `file`: what is said is a file (a Blob), and may take ten minutes. */

/** `time`, a server's clock, hears the date of each answer. */
export const createCalls = ({ url, fetch, clock, now, credentials, time }) => {
  const standing = new Set();

  /** @param {string} method
      @param {string} path
      @param {Asking} [options]
      @returns {Promise<{status: number, said: any, next: string | null}>} */
  const ask = async (method, path, { body, headers = {}, signal, file = false } = {}) => {
    const controller = new AbortController();
    let abandoned = signal?.aborted === true;
    const abandon = () => {
      abandoned = true;
      controller.abort();
    };
    if (abandoned) throw new Problem("aborted");
    const asked = now();
    const patience = clock.setTimeout(() => controller.abort(), file ? PATIENCE_FILE_MS : PATIENCE_MS);
    signal?.addEventListener("abort", abandon);
    standing.add(abandon);
    let answer;
    let text;
    try {
      answer = await fetch(new URL(path, url).href, {
        method,
        headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials,
        cache: "no-store",
        redirect: "error",
        signal: controller.signal,
      });
      if (file && answer.ok) return { status: answer.status, said: await answer.blob(), next: null };
      text = await answer.text();
    } catch {
      throw new Problem(abandoned ? "aborted" : "network");
    } finally {
      clock.clearTimeout(patience);
      signal?.removeEventListener("abort", abandon);
      standing.delete(abandon);
    }
    const date = Date.parse(answer.headers.get("Date") ?? "");
    if (date) time.hear(date, asked);
    if (!answer.ok) throw problemOf(answer.status, answer.headers.get("Retry-After"), text);
    try {
      return { status: answer.status, said: text ? JSON.parse(text) : null, next: nextOf(answer.headers.get("Link")) };
    } catch {
      throw new Problem("problem", { status: answer.status, code: "bad_answer" });
    }
  };

  return {
    ask,
    /** Gives up whatever is under way. */
    abandon() {
      for (const abandon of [...standing]) abandon();
    },
  };
};
