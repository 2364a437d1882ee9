/* Names as they are compared, ids, and who the other person of a message is. Pure.
   A name is never the key of a plain object: "__proto__" is a name like any other. */

const MOST_KNOWN = 1_000;
const known = new Map();

export const keyOf = (name) => {
  let key = known.get(name);
  if (key === undefined) {
    key = name.normalize("NFC").toLowerCase();
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(name, key);
  }
  return key;
};

export const isCount = (value) => Number.isSafeInteger(value) && value >= 0;

/* Node 18 has it, but not as a global. The name is no literal, so that no bundler looks for it. */
const ELSEWHERE = "node:crypto";
const crypto = globalThis.crypto ?? (await import(ELSEWHERE)).webcrypto;

/** A UUID (RFC 9562 §5.4). randomUUID is missing on plain http; getRandomValues is not. */
export const makeUuid = () => {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};
