/* The calls of the server. Owns the access token, in memory only; the refresh token is an HttpOnly cookie it never sees.
   Answers are JSON or a Problem is thrown. A 401 is met by one renewal, shared by all who wait for it and,
   by a Web Lock, made in turn with other tabs: the cookie is theirs too, and each renewal replaces it. */
import { Problem, problemOf } from "./problems.js";

const PATIENCE_MS = 20_000;
const PATIENCE_FILE_MS = 600_000;
const COOKIE_SESSION = { "X-Recado-Session": "cookie" };

/** The path of `rel="next"` in a Link header (RFC 8288), kept on this origin, or null. */
export const nextOf = (header) => {
  const found = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(header ?? "");
  if (!found) return null;
  const { pathname, search } = new URL(found[1], "http://origin.invalid");
  return pathname.startsWith("/api/") ? pathname + search : null;
};

/* Refusals of a proof, by a session that is as good as before: a new token would not help. */
const REFUSED_PROOFS = new Set(["wrong_password", "wrong_code", "second_factor_required"]);

/** Whose token it is, or null when it cannot be read. Only compared with itself: the server checks tokens, not we. */
export const subjectOf = (token) => {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).sub ?? null;
  } catch {
    return null;
  }
};

const inTurn = (locks, work) => (locks ? locks.request("recado-renew", work) : work());

/** `device` is what this device is to be called in the list of sessions. */
export const createApi = ({ fetch, locks = null, device = "", onEnded = () => {} }) => {
  const named = device && { device };
  let access = null;
  let renewing = null;
  let standing = new AbortController();

  const ask = async (method, path, { body, headers = {}, signal, file = false } = {}) => {
    const signals = [AbortSignal.timeout(file ? PATIENCE_FILE_MS : PATIENCE_MS), standing.signal, ...(signal ? [signal] : [])];
    const abandoned = () => signals.slice(1).some((one) => one.aborted);
    let answer;
    let text;
    try {
      answer = await fetch(path, {
        method,
        headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: "same-origin",
        cache: "no-store",
        redirect: "error",
        signal: AbortSignal.any(signals),
      });
      if (file && answer.ok) return { status: answer.status, said: await answer.blob(), next: null };
      text = await answer.text();
    } catch {
      throw new Problem(abandoned() ? "aborted" : "network");
    }
    if (!answer.ok) throw problemOf(answer.status, (name) => answer.headers.get(name), text);
    try {
      return { status: answer.status, said: text ? JSON.parse(text) : null, next: nextOf(answer.headers.get("Link")) };
    } catch {
      throw new Problem("problem", { status: answer.status, code: "bad_answer" });
    }
  };

  const keep = (said) => {
    if (typeof said?.access !== "string") throw new Problem("problem", { status: 200, code: "bad_answer" });
    const owner = subjectOf(said.access);
    const changed = access !== null && owner !== null && subjectOf(access) !== null && owner !== subjectOf(access);
    access = said.access;
    return changed;
  };

  const refresh = () =>
    inTurn(locks, async () => (await ask("POST", "/api/auth/refresh/", { body: {}, headers: COOKIE_SESSION })).said);

  /** A fresh access token. Ends the session when the server refuses, or when the cookie now belongs to another person. */
  const renew = () => {
    renewing ??= refresh()
      .then((said) => {
        if (!keep(said)) return;
        onEnded("changed");
        throw new Problem("aborted");
      })
      .catch((problem) => {
        if (problem.status === 401) onEnded("ended");
        throw problem;
      })
      .finally(() => {
        renewing = null;
      });
    return renewing;
  };

  const call = async (method, path, options = {}) => {
    const used = access;
    const withToken = () => ({ ...options, headers: { ...options.headers, Authorization: `Bearer ${access}` } });
    try {
      return await ask(method, path, withToken());
    } catch (problem) {
      if (problem.status !== 401 || REFUSED_PROOFS.has(problem.code)) throw problem;
      if (access === used) await renew();
      return ask(method, path, withToken());
    }
  };

  const query = (path, values) => `${path}?${new URLSearchParams(values)}`;

  const signInBy = async (path, body) => {
    access = null;
    keep((await ask("POST", path, { body, headers: COOKIE_SESSION })).said);
  };

  return {
    renew,
    /** Drops the token and whatever is under way. */
    forget() {
      access = null;
      standing.abort();
      standing = new AbortController();
    },
    /** True when the cookie of an earlier visit still opens a session. */
    async restore() {
      try {
        keep(await refresh());
        return true;
      } catch (problem) {
        if (problem.status === 401) return false;
        throw problem;
      }
    },
    register: (username, password) => ask("POST", "/api/auth/register/", { body: { username, password } }),
    /** Any other call, with the token and its renewal. `file`: the answer is one. */
    call,
    /** Any other call that needs no token. */
    ask,
    signIn: (username, password) => signInBy("/api/auth/login/", { username, password, ...named }),
    secondFactor: (mfaToken, proof) => signInBy("/api/auth/login/second-factor/", { mfa_token: mfaToken, ...proof }),
    passkey: (credential) => signInBy("/api/auth/login/passkey/", { credential, ...named }),
    signOutEverywhere: () => call("POST", "/api/auth/logout/everywhere/", { body: {}, headers: COOKIE_SESSION }),
    signOut: () => call("POST", "/api/auth/logout/", { body: {}, headers: COOKIE_SESSION }),
    me: async () => (await call("GET", "/api/users/me/")).said,
    exists: async (username, signal) =>
      (await ask("GET", query("/api/auth/check-username/", { username }), { signal })).said?.exists === true,
    conversations: (path) => call("GET", path ?? query("/api/conversations/", { limit: 50 })),
    messages: (peer, path) => call("GET", path ?? query("/api/auth/messages/", { with: peer, limit: 50 })),
    send: (recipient, content, clientId) =>
      call("POST", "/api/auth/send/", { body: { recipient, content, client_id: clientId } }),
    ticket: async () => (await call("POST", "/api/auth/ws-ticket/", { body: {} })).said?.ticket,
  };
};
