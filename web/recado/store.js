/* Where a client keeps what must outlive it. A store is a small map: keys are text, values are what JSON can say. */

/** @typedef {object} Store
    @property {(key: string) => Promise<any>} get                      undefined when there is none
    @property {(prefix: string) => Promise<[string, any][]>} list      by rising key
    @property {(changes: [string, any][]) => Promise<void>} write      all of them or none; undefined deletes
    @property {() => Promise<void>} destroy                            nothing of it can be read again; it may be used anew
    @property {boolean} [shared]                                       true when other tabs of this browser see the same */

/** In memory: gone with the process.
    @returns {Store} */
export const memoryStore = () => {
  const kept = new Map();
  return {
    shared: false,
    get: async (key) => structuredClone(kept.get(key)),
    list: async (prefix) =>
      [...kept.keys()]
        .filter((key) => key.startsWith(prefix))
        .sort()
        .map((key) => [key, structuredClone(kept.get(key))]),
    async write(changes) {
      for (const [key, value] of structuredClone(changes)) value === undefined ? kept.delete(key) : kept.set(key, value);
    },
    destroy: async () => kept.clear(),
  };
};
