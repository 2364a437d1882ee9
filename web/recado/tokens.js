/* The session's tokens. The access token is in memory only. The refresh token is an HttpOnly cookie that this code never sees
   ("cookie"), or is kept in the store ("tokens"). Renewals are made one at a time, by a Web Lock in turn with other tabs:
   each one replaces the refresh token, and two at once would look like a stolen one. */
import { jitter } from "./pace.js";
import { Problem } from "./problems.js";

export const COOKIE_HEADER = { "X-Recado-Session": "cookie" };
const USUAL_LIFE_MS = 600_000;

const claimsOf = (token) => {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))) ?? {};
  } catch {
    return {};
  }
};

/** Whose token it is, or null when it cannot be read. Only compared with itself: the server checks tokens, not we. */
export const subjectOf = (token) => claimsOf(token).sub ?? null;

/** How long it lives, by the server's clock alone: the device's may be wrong. */
export const lifeOf = (token) => {
  const { iat, exp } = claimsOf(token);
  return Number.isFinite(iat) && Number.isFinite(exp) && exp > iat ? (exp - iat) * 1000 : USUAL_LIFE_MS;
};

/** `share(access)` at once, for other tabs; `onFresh(access)` after each renewal; `onRefused()` when the session is over. */
export const createTokens = ({ ask, mode, store, inTurn, clock, now, random, share, onFresh, onRefused }) => {
  let access = null;
  let bornAt = 0;
  let refresh = null;
  let renewing = null;
  let timer = null;
  let tending = false;
  let failures = 0;
  let advice = 0;

  const hold = (token) => {
    if (access === token) return;
    access = token;
    bornAt = now();
    failures = advice = 0; // also of the session before
  };

  const keep = async (said) => {
    if (typeof said?.access !== "string" || (mode === "tokens" && typeof said.refresh !== "string")) {
      throw new Problem("problem", { status: 200, code: "bad_answer" });
    }
    if (mode === "tokens") {
      refresh = said.refresh;
      await store.write([["session", { refresh }]]); // before the access token is used
    }
    hold(said.access);
  };

  const shown = async () => {
    if (mode === "cookie") return { body: {}, headers: COOKIE_HEADER };
    refresh = (await store.get("session"))?.refresh ?? refresh;
    if (!refresh) throw new Problem("problem", { status: 401, code: "unauthenticated" });
    return { body: { refresh } };
  };

  const tend = () => {
    clock.clearTimeout(timer);
    if (!tending || access === null) return;
    const due = failures ? Math.max(advice, jitter(failures, random)) : Math.max(0, bornAt + (lifeOf(access) * 2) / 3 - now());
    timer = clock.setTimeout(() => renew().catch(() => {}), due);
  };

  const exchange = async (before) => {
    // Another tab has renewed while this one waited for its turn.
    if (access !== before) return;
    await keep((await ask("POST", "/api/auth/refresh/", await shown())).said);
    share(access);
  };

  /** A fresh access token; all who ask meanwhile share the one renewal. */
  const renew = () => {
    const before = access;
    renewing ??= inTurn(() => exchange(before))
      .then(
        () => {
          if (access === null) throw new Problem("aborted");
          onFresh(access);
          return access;
        },
        (problem) => {
          failures += 1;
          advice = (problem.retryAfter ?? 0) * 1000;
          if (problem.unauthenticated) onRefused();
          throw problem;
        },
      )
      .finally(() => {
        renewing = null;
        tend();
      });
    return renewing;
  };

  return {
    renew,
    keep,
    shown,
    /** The access token, renewed first when there is none or when two thirds of its life are over. */
    async fresh() {
      if (access === null) return renew();
      const age = (now() - bornAt) / lifeOf(access);
      // While the server asks for patience, the old one serves to its end.
      if (age < 2 / 3 || (age < 1 && tending && failures > 0)) return access;
      const old = access;
      return renew().catch((problem) => {
        if (!problem.transient || age >= 1) throw problem;
        return old; // it is good for a while yet
      });
    },
    get access() {
      return access;
    },
    /** One that another tab has got. */
    adopt(token) {
      hold(token);
      tend();
    },
    /** From now on, renew before the end of each. */
    tend() {
      tending = true;
      tend();
    },
    forget() {
      tending = false;
      clock.clearTimeout(timer);
      access = refresh = null;
    },
  };
};
