/* What this device is called in the list of sessions: the browser and the system, by what the browser says of itself. Pure. */
const BROWSERS = [["Edge", /\bEdg(e|A|iOS)?\//], ["Opera", /\bOPR\//], ["Samsung Internet", /SamsungBrowser\//], ["Firefox", /\b(Firefox|FxiOS)\//], ["Chrome", /(Chrome|CriOS)\//], ["Safari", /\bSafari\//]];
const SYSTEMS = [["Android", /Android/], ["iPad", /iPad/], ["iPhone", /iPhone/], ["Windows", /Windows/], ["ChromeOS", /CrOS/], ["macOS", /Mac OS X/], ["Linux", /Linux/]];

const nameIn = (table, agent) => table.find(([, sign]) => sign.test(agent))?.[0];

/** "Firefox, Android": no sentence, so that it is the same in every language. Empty when nothing is known. */
export const deviceOf = (agent = "") => [nameIn(BROWSERS, agent), nameIn(SYSTEMS, agent)].filter(Boolean).join(", ");
