/* Finds the links in what people write. Pure, and linear in the length of the text, whatever the text is.
   A link is shown as it was written and goes where `new URL` says; where the two could be taken for different places, it stays text. */

/** Longer than this is nobody's link. */
export const LINK_MAX = 2048;

/* From "http://" to a blank or a sign that ends a link. Blanks too narrow to be seen, and signs that are not seen, do not end it:
   what they would cut off looks like a part of it. */
const CANDIDATE = /(?<=^|[\s(\[{<>"'“”‘’«»‹›„,;:!?*~|=–—…·¿¡])https?:\/\/[^ \t\n\v\f\r\u00a0\u1680\u2000-\u2007\u2028\u2029\u205f\u3000<>"“”«»‹›`\\^|、。，！？；：「」『』【】（）《》]+/giu;

/* Controls, what has no shape, and blanks of a hair's width. */
const UNSEEN = /[\p{C}\p{Default_Ignorable_Code_Point}\u2008-\u200a\u202f\u2800]/u;

/* These turn the direction of all that follows in the line: nothing near them looks as it is. */
const TURNING = /[\u202a-\u202e\u2066-\u2069]/u;

const TRAILING = new Set(".,;:!?'’‘*~…·–—");
const CLOSING = new Map([[")", "("], ["]", "["], ["}", "{"]]);

/* Scripts whose letters are not taken for one another's within a label; Latin only with the usual accents. */
const ALPHABETS = [
  /^[a-z0-9\u00e0-\u00f6\u00f8-\u0130\u0132-\u0137\u0139-\u013e\u0141-\u0148\u014a-\u017e\u1ea0-\u1ef9-]+$/u,
  ...["Cyrillic", "Greek", "Georgian", "Hebrew", "Arabic", "Devanagari", "Bengali", "Tamil", "Thai"].map((name) => new RegExp(`^[\\p{Script=${name}}0-9-]+$`, "u")),
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー0-9-]+$/u,
  /^[\p{Script=Hangul}0-9-]+$/u,
];

/* Cyrillic and Greek letters that look Latin: a label of nothing else looks like another one. */
const LATIN_TWINS = /^[аԁеһіјӏкорсԛѕԝхуυьгпѵѡвмнтαεικνορτυχωγ0-9-]+$/u;

/** The written name of a host is what the parsed one says, to the eye. */
const looksLike = (written, parsed) => {
  const plain = written.toLowerCase();
  if (/^[\x21-\x7e]+$/.test(plain)) return plain === parsed;
  const [shown, meant] = [plain.split("."), parsed.split(".")];
  if (plain !== plain.normalize("NFC") || shown.length !== meant.length) return false;
  const foreignEnd = meant.at(-1).startsWith("xn--");
  return shown.every((label, at) => {
    if (!meant[at].startsWith("xn--")) return label === meant[at];
    return ALPHABETS.some((alphabet) => alphabet.test(label)) && (foreignEnd || !LATIN_TWINS.test(label));
  });
};

/** Where a link goes, or null when it is none. */
const hrefOf = (link) => {
  if (link.length > LINK_MAX || UNSEEN.test(link)) return null;
  const authority = /^https?:\/\/([^/?#]*)/i.exec(link)?.[1] ?? "";
  if (authority.includes("@")) return null;
  let url;
  try {
    url = new URL(link);
  } catch {
    return null;
  }
  return looksLike(authority.replace(/:\d*$/, ""), url.hostname) ? url.href : null;
};

/* Without the full stop of the sentence and the bracket that was opened before the link. */
const trimmed = (candidate) => {
  const open = new Map([...CLOSING.values()].map((bracket) => [bracket, 0]));
  for (const sign of candidate) {
    if (open.has(sign)) open.set(sign, open.get(sign) + 1);
    else if (CLOSING.has(sign)) open.set(CLOSING.get(sign), open.get(CLOSING.get(sign)) - 1);
  }
  let end = candidate.length;
  for (; end > 0; end -= 1) {
    const last = candidate[end - 1];
    const opening = CLOSING.get(last);
    if (opening && open.get(opening) < 0) open.set(opening, open.get(opening) + 1);
    else if (!TRAILING.has(last)) break;
  }
  return candidate.slice(0, end);
};

/** The text in pieces: {text}, or {text, href} for a link. Joined they are the text again. */
export const pieces = (text) => {
  if (TURNING.test(text)) return text ? [{ text }] : [];
  const found = [];
  let from = 0;
  for (const { 0: candidate, index } of text.matchAll(CANDIDATE)) {
    const link = trimmed(candidate);
    const href = hrefOf(link);
    if (!href) continue;
    if (index > from) found.push({ text: text.slice(from, index) });
    found.push({ text: link, href });
    from = index + link.length;
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
};

const EMOJI_MAX = 3;
const EMOJI_LENGTH_MAX = 120; // a family of four with tones is 30 units
const ONE =
  "(?:\\p{RI}\\p{RI}|[0-9#*]\\uFE0F?\\u20E3|(?:\\p{Emoji_Presentation}\\p{EMod}?\\uFE0F?|\\p{ExtPict}(?:\\uFE0F|\\p{EMod}))(?:[\\u{E0020}-\\u{E007E}]+\\u{E007F})?(?:\\u200D\\p{ExtPict}\\p{EMod}?\\uFE0F?)*)";
const ONLY = new RegExp(`^${ONE}(?:\\s?${ONE}){0,${EMOJI_MAX - 1}}$`, "u");

/** Whether a message is one to three emoji and nothing else. */
export const isEmojiOnly = (text) => {
  const bare = text.length <= EMOJI_LENGTH_MAX ? text.trim() : "";
  return bare !== "" && ONLY.test(bare);
};
