/* Where the page keeps what outlives it: sealed in the browser; or in memory where the browser keeps nothing (plain http, some private
   windows), refuses, or does not answer. */
import { memoryStore, sealedStore } from "../recado.js";

export const PATIENCE_MS = 5_000;

export const openStore = async ({ sealed = () => sealedStore(), clock = globalThis } = {}) => {
  let timer = null;
  const late = new Promise((_, reject) => (timer = clock.setTimeout(() => reject(new Error("the store does not answer")), PATIENCE_MS)));
  try {
    const store = sealed();
    await Promise.race([store.get("me"), late]);
    return store;
  } catch {
    return memoryStore();
  } finally {
    clock.clearTimeout(timer);
  }
};
