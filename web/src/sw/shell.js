/* The shell of the page, kept so that it opens without a network: the page itself and its files, of one build.
   Kept is only what is the same for everybody, and what bears the mark of this worker's own build.
   The page comes from the network while that answers; its files, whose names are their hashes, come from here. */

const PREFIX = "recado-";
const PAGE = "/";
const PATIENCE_MS = 3_000;
const MARK = /<meta name="recado-build" content="(\w+)"/;
const NONCE = /'nonce-([\w-]+)'/;

/* The build whose page this answer is, or null: a failure, a proxy's page, a page that its own policy would not let run. */
const buildOf = async (response) => {
  if (response.status !== 200 || response.redirected) return null;
  const nonce = NONCE.exec(response.headers.get("Content-Security-Policy") ?? "")?.[1];
  const html = await response.clone().text();
  return nonce && html.includes(` nonce="${nonce}"`) ? (MARK.exec(html)?.[1] ?? null) : null;
};

/* A proxy that asks people to sign in to it must be able to: otherwise the page would open and reach nothing for ever. */
const leadsElsewhere = (response) => response.type === "opaqueredirect" || response.status === 401;

/** `kept`: the integrity of each file, by its path. `after(ms)`: a promise. */
export const createShell = ({ build, kept, origin, caches, fetch, after }) => {
  const name = PREFIX + build;
  const opened = () => caches.open(name);
  const match = async (path) => (await opened()).match(path);
  const keep = async (path, response) => (await opened()).put(path, response);

  /* A file as it was built, or nothing: whatever else is answered in its place does not pass. */
  const load = async (path) => {
    const response = await fetch(path, { integrity: kept[path] });
    if (!response.ok) throw new Error(`${path} is not there`);
    return response;
  };

  const install = async () => {
    try {
      const page = await fetch(PAGE, { cache: "no-store" });
      // Of several instances one may be older than the one that gave out this worker. The browser tries again.
      if ((await buildOf(page)) !== build) throw new Error("the page is not of this worker's build");
      await Promise.all(Object.keys(kept).map(async (path) => keep(path, await load(path))));
      await keep(PAGE, page);
    } catch (error) {
      await caches.delete(name);
      throw error;
    }
  };

  const activate = async () => {
    const others = (await caches.keys()).filter((one) => one.startsWith(PREFIX) && one !== name);
    await Promise.all(others.map((one) => caches.delete(one)));
  };

  const ask = async (request) => {
    const response = await fetch(request);
    const its = await buildOf(response);
    // A page of another build names files that are not kept here: it is shown, and not kept.
    return { response, good: its !== null || leadsElsewhere(response), copy: its === build ? response.clone() : null };
  };

  const page = async (request, lasts) => {
    const asked = ask(request);
    lasts(asked.then(({ copy }) => copy && keep(PAGE, copy)).catch(() => {}));
    const first = await Promise.race([asked.catch(() => null), after(PATIENCE_MS)]);
    if (first?.good) return first.response;
    return (await match(PAGE)) ?? (await asked).response;
  };

  const file = async (path, lasts) => {
    const found = await match(path);
    if (found) return found;
    // The browser has cleared its caches.
    const response = await load(path);
    lasts(keep(path, response.clone()).catch(() => {}));
    return response;
  };

  /** A promise of the answer, or null when the request is none of this worker's. `lasts(promise)`: what is still to be done then. */
  const answer = (request, lasts) => {
    const { origin: from, pathname } = new URL(request.url);
    if (request.method !== "GET" || from !== origin) return null;
    if (request.mode === "navigate") return pathname === PAGE ? page(request, lasts) : null;
    return Object.hasOwn(kept, pathname) ? file(pathname, lasts) : null;
  };

  return { install, activate, answer };
};
