/* A store in IndexedDB, sealed: each value by AES-GCM, bound to its key. The key of the seal cannot be exported, and `destroy`
   deletes it first: what the disk may still hold of the rows is then noise. Names of rows (docs/web.md) are readable; they name nobody. */

const KEYS = "keys";
const ROWS = "rows";
const SEAL = "seal";

const answered = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const done = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(undefined);
    transaction.onabort = () => reject(transaction.error ?? new Error("the store was destroyed"));
  });

/** Throws where the browser has no IndexedDB or no WebCrypto (plain http on another host than localhost): take `memoryStore()` there.
    @param {{name?: string, indexedDB?: IDBFactory, crypto?: Crypto}} [options]
    @returns {import("./store.js").Store} */
export const sealedStore = ({ name = "recado", indexedDB = globalThis.indexedDB, crypto = globalThis.crypto } = {}) => {
  if (!indexedDB || !crypto?.subtle) throw new Error("sealedStore needs IndexedDB and WebCrypto");
  let opening = null;

  const open = async () => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(KEYS);
      request.result.createObjectStore(ROWS);
    };
    const db = await answered(request);
    db.onversionchange = () => db.close();
    db.onclose = () => (opening = null);
    const fresh = {
      id: Array.from(crypto.getRandomValues(new Uint8Array(16))).join("."),
      key: await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]),
    };
    // Of two tabs that open it at once, the first one's key stands.
    const transaction = db.transaction([KEYS, ROWS], "readwrite");
    let seal = await answered(transaction.objectStore(KEYS).get(SEAL));
    if (!seal) {
      seal = fresh;
      transaction.objectStore(ROWS).clear();
      transaction.objectStore(KEYS).put(fresh, SEAL);
    }
    await done(transaction);
    return { db, seal };
  };

  const opened = () => {
    opening ??= open().catch((error) => {
      opening = null;
      throw error;
    });
    return opening;
  };

  const bound = (key) => new TextEncoder().encode(key);

  const sealed = async ({ key: seal }, key, value) => {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(value));
    return { iv, data: await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: bound(key) }, seal, plain) };
  };

  /** The value, or undefined for a row that this key did not seal. */
  const unsealed = async ({ key: seal }, key, row) => {
    try {
      const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: row.iv, additionalData: bound(key) }, seal, row.data);
      return JSON.parse(new TextDecoder().decode(plain));
    } catch {
      return undefined;
    }
  };

  return {
    shared: true,
    async get(key) {
      const { db, seal } = await opened();
      const row = await answered(db.transaction(ROWS).objectStore(ROWS).get(key));
      return row && unsealed(seal, key, row);
    },
    async list(prefix) {
      const { db, seal } = await opened();
      const rows = db.transaction(ROWS).objectStore(ROWS);
      const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
      const [keys, values] = await Promise.all([answered(rows.getAllKeys(range)), answered(rows.getAll(range))]);
      const found = await Promise.all(keys.map(async (key, at) => [key, await unsealed(seal, key, values[at])]));
      return found.filter(([, value]) => value !== undefined);
    },
    async write(changes) {
      const { db, seal } = await opened();
      const rows = await Promise.all(
        changes.map(async ([key, value]) => [key, value === undefined ? undefined : await sealed(seal, key, value)]),
      );
      const transaction = db.transaction([KEYS, ROWS], "readwrite");
      const ended = done(transaction);
      const stands = transaction.objectStore(KEYS).get(SEAL);
      stands.onsuccess = () => {
        // Another tab has signed out meanwhile: nothing comes back.
        if (stands.result?.id !== seal.id) return transaction.abort();
        try {
          for (const [key, row] of rows) row === undefined ? transaction.objectStore(ROWS).delete(key) : transaction.objectStore(ROWS).put(row, key);
        } catch {
          transaction.abort(); // what failed at once fails the whole, as what fails later does
        }
      };
      await ended;
    },
    async destroy() {
      const { db } = await opened();
      const transaction = db.transaction([KEYS, ROWS], "readwrite");
      transaction.objectStore(KEYS).clear();
      transaction.objectStore(ROWS).clear();
      await done(transaction);
      opening = null;
      db.close();
    },
  };
};
