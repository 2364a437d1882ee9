/* The browser's part of passkeys (WebAuthn Level 3): JSON of the server in, JSON for the server out. */
import { Problem } from "./problems.js";

const CODES = new Map([["InvalidStateError", "passkey_known"], ["NotAllowedError", "passkey_cancelled"]]);

/** True when this browser can make and use passkeys, and speaks their JSON. */
export const canPasskeys = () =>
  isSecureContext && typeof globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON === "function" && Boolean(navigator.credentials);

const asked = async (work) => {
  try {
    return (await work()).toJSON();
  } catch (error) {
    if (error.name === "AbortError") throw new Problem("aborted");
    throw new Problem("passkey", { code: CODES.get(error.name) ?? "passkey_impossible" });
  }
};

export const createPasskey = (options) =>
  asked(() => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }));

export const usePasskey = (options) =>
  asked(() => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }));

/** Signs in by a passkey alone, or with `mfaToken` after the password. */
export const passkeyForSignIn = async (client, mfaToken) => {
  const { said } = await client.ask("POST", "/api/auth/login/passkey/options/", { body: mfaToken ? { mfa_token: mfaToken } : {} });
  return usePasskey(said);
};
