/* Recado's client library: one import, no dependency, no user interface. Browsers, and Node 18 or newer. See docs/web.md. */
export { createClient } from "./recado/client.js";
export { Problem } from "./recado/problems.js";
export { memoryStore } from "./recado/store.js";
export { sealedStore } from "./recado/sealed.js";
