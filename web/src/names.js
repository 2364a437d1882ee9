/* Names of people: their shape, and how they are drawn; the key they are compared by is the library's. Pure.
   A name is never the key of a plain object: "__proto__" is a name like any other. */
import { keyOf } from "../recado/names.js";

export { keyOf };
export const NAME_MIN = 3;
export const NAME_MAX = 32;
export const PASSWORD_MIN = 8;
export const PASSWORD_MAX = 128;
export const CONTENT_MAX = 16384;
export const TONES = 6;

const SHAPE = /^[\p{L}\p{M}\p{Nd}._-]+$/u;
const START = /^[\p{L}\p{Nd}]/u;
const LATIN = /\p{Script=Latin}/u;
const NOT_LATIN = /(?!\p{Script=Latin})\p{L}/u;

/** Length as the server counts it: in code points, not in UTF-16 units. */
export const lengthOf = (text) => {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
};

/** What is wrong with a name, as a code of the catalogue, or null. The server's word is the last one. */
export const nameFault = (name) => {
  const length = lengthOf(name);
  if (length === 0) return "required";
  if (length < NAME_MIN) return "too_short";
  if (length > NAME_MAX) return "too_long";
  if (!SHAPE.test(name)) return "bad_character";
  if (!START.test(name)) return "bad_start";
  if (name.endsWith(".")) return "bad_end";
  return LATIN.test(name) && NOT_LATIN.test(name) ? "mixed_scripts" : null;
};

export const passwordFault = (password) => {
  const length = lengthOf(password.normalize("NFC"));
  if (length === 0) return "required";
  if (length < PASSWORD_MIN) return "too_short";
  return length > PASSWORD_MAX ? "too_long" : null;
};

/** As it is typed, in the form that the server gives to names (close to RFC 8265 UsernameCaseMapped; the server decides). */
export const typedName = (text) => text.trim().normalize("NFKC");

export const initialOf = (name) => {
  const [first = "?"] = name;
  return first.toUpperCase();
};

/** A steady number from 0 to TONES - 1, so that a person keeps their colour. */
export const toneOf = (name) => {
  let sum = 7;
  for (const character of keyOf(name)) sum = (sum * 31 + character.codePointAt(0)) % 65521;
  return sum % TONES;
};
