/* What a person changes about their own account: the calls, and the one question of who is there.
   A call that needs a proof waits for it, and goes on. Nothing that proves anything is kept. */
import { signal } from "@preact/signals";
import { COOKIE_HEADER } from "../recado/tokens.js";
import { createPasskey, usePasskey } from "./passkeys.js";
import { Problem } from "./problems.js";

const BLOCKS = "/api/blocks/?limit=100";
const EVENTS = "/api/auth/audit/?limit=30";
const NO_FACTORS = { totp: false, passkeys: 0, recovery_codes: 0 };

const rows = (value) => (Array.isArray(value) ? value : []);

export const createSettings = (session) => {
  const { page, client } = session;
  /* The open question, or null: {kind, attempt, done, failed}. `kind`: "session" (the call is made when the session is fresh),
     "password" (the proof goes with the call), "code" (the password is there, a code is missing). */
  const asking = signal(null);

  const ask = (kind, attempt) =>
    new Promise((resolve, reject) => {
      const close = (settle) => (value) => {
        asking.value = null;
        settle(value);
      };
      asking.value = { kind, attempt, done: close(resolve), failed: close(reject) };
    });

  const stepUp = (proof) => client.call("POST", "/api/auth/step-up/", { body: proof });

  /** Makes the call; when it wants to know who is there, asks and makes it again. `work` takes a code to send along. */
  const guarded = async (work) => {
    try {
      return await work({});
    } catch (problem) {
      if (problem.code === "second_factor_required") return ask("code", work);
      if (problem.code !== "step_up_required") throw problem;
      await ask("session", stepUp);
      return work({});
    }
  };

  const post = (path, body = {}) => guarded(async () => (await client.call("POST", path, { body })).said);
  const remove = (path) => guarded(() => client.call("DELETE", path));
  const got = async (path) => (await client.call("GET", path)).said;
  const paged = async (path) => {
    const { said, next } = await client.call("GET", path);
    return { rows: rows(said), next };
  };

  return {
    page,
    asking,
    dismiss: () => asking.peek()?.failed(new Problem("aborted")),
    profile: session.loadProfile,
    async change(fields) {
      session.knowProfile((await client.call("PATCH", "/api/users/me/", { body: fields })).said);
    },

    sessions: async () => rows(await got("/api/auth/sessions/")),
    endSession: (id) => remove(`/api/auth/sessions/${id}/`),
    endOthers: () => remove("/api/auth/sessions/"),
    endAll: () =>
      guarded(() =>
        session.part(
          () => client.call("POST", "/api/auth/logout/everywhere/", { body: {}, headers: COOKIE_HEADER }),
          () => "sign.out_everywhere",
        ),
      ),

    changePassword: (current, fresh) =>
      guarded((code) => client.call("POST", "/api/auth/password/", { body: { current, new: fresh, ...code } })),

    factors: () => got("/api/auth/factors/"),
    /** The same for the question itself, which is asked all the same when this is not known. */
    factorsOrNone: () => got("/api/auth/factors/").catch(() => NO_FACTORS),
    beginTotp: () => post("/api/auth/totp/"),
    confirmTotp: async (otp) => rows((await post("/api/auth/totp/confirm/", { otp }))?.recovery_codes),
    removeTotp: () => ask("password", (proof) => client.call("DELETE", "/api/auth/totp/", { body: proof })),
    renewCodes: async () =>
      rows((await ask("password", (proof) => client.call("POST", "/api/auth/recovery-codes/", { body: proof }))).said?.recovery_codes),

    passkeys: async () => rows(await got("/api/auth/passkeys/")),
    async addPasskey(name) {
      const credential = await createPasskey(await post("/api/auth/passkeys/options/"));
      return rows((await post("/api/auth/passkeys/", { name, credential }))?.recovery_codes);
    },
    renamePasskey: (id, name) => client.call("PATCH", `/api/auth/passkeys/${id}/`, { body: { name } }),
    removePasskey: (id) => remove(`/api/auth/passkeys/${id}/`),
    async provePasskey() {
      const credential = await usePasskey((await client.call("POST", "/api/auth/passkeys/step-up/options/", { body: {} })).said);
      await client.call("POST", "/api/auth/passkeys/step-up/", { body: { credential } });
    },

    blocks: (path) => paged(path ?? BLOCKS),
    unblock: (name) => client.call("DELETE", `/api/blocks/${encodeURIComponent(name)}/`),
    events: (path) => paged(path ?? EVENTS),

    exported: async () => (await guarded(() => client.call("POST", "/api/auth/export/", { body: {}, file: true }))).said,
    erase: () =>
      ask("password", (proof) =>
        session.part(
          () => client.call("DELETE", "/api/auth/account/", { body: proof }),
          ({ status }) => (status === 202 ? "sign.erased_soon" : "sign.erased"),
        ),
      ),
  };
};
