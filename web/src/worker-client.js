/* The page's side of its service worker: registering it, speaking with it, and noticing a new version. */

const SCRIPT = "/sw.js";
const ANSWER_MS = 3_000;
const LOOK_MS = 3_600_000;

/* Under the policy of the page no text becomes the address of a script, but through this one. Made at once, for it can be made
   only once: whatever got into the page later could make none. Not every browser has Trusted Types. */
const policy = globalThis.trustedTypes?.createPolicy("recado-worker", {
  createScriptURL: (address) => {
    if (address !== SCRIPT) throw new TypeError("no other script");
    return address;
  },
}) ?? { createScriptURL: (address) => address };

/* The build that a worker is of, or null when it does not say. */
const buildOf = (worker, { Channel, after }) => {
  const { port1, port2 } = new Channel();
  const told = new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
  worker.postMessage({ kind: "build" }, [port2]);
  return Promise.race([told, after(ANSWER_MS).then(() => null)]).finally(() => port1.close());
};

/* What fails here is tried again when the page is next opened. */
const quietly = (work) => void work.catch(() => {});

const surroundings = () => ({
  serviceWorker: globalThis.navigator?.serviceWorker,
  document: globalThis.document,
  build: globalThis.document?.querySelector('meta[name="recado-build"]')?.content ?? null,
  reload: () => location.reload(),
  Channel: globalThis.MessageChannel,
  after: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  now: () => Date.now(),
});

/* What hears of which worker already: registering is done again after a sign-out, which takes the worker away (Clear-Site-Data). */
const joined = new WeakSet();

const once = (target, join) => {
  if (joined.has(target)) return;
  joined.add(target);
  join(target);
};

/** Registers the worker, also once more; gives its registration, or null where there can be none (plain http, a private window,
    a browser without). `onUpdate(apply)`: there is a newer version; `apply()` takes it and reloads this page; others are told, and
    may finish first. `onResubscribe()`: the browser has given up its push subscription. The first call's are kept. Never throws. */
export const registerWorker = async ({ onUpdate = () => {}, onResubscribe = () => {}, ...given } = {}) => {
  const { serviceWorker, document: page, build, reload, now, ...means } = { ...surroundings(), ...given };

  /* A worker that is installed, and not in charge yet. */
  const consider = async (worker) => {
    // The page has come from the server and is of the new build already: nobody need be asked.
    if ((await buildOf(worker, means)) === build) return worker.postMessage({ kind: "take_over" });
    onUpdate(() => {
      if (worker.state !== "installed") return reload();
      serviceWorker.addEventListener("controllerchange", reload);
      worker.postMessage({ kind: "take_over" });
    });
  };

  const changed = async () => {
    // Another page has taken the new version.
    const { controller } = serviceWorker;
    if (controller && (await buildOf(controller, means)) !== build) onUpdate(reload);
  };

  const heard = ({ data }) => {
    // What was pushed can be seen here.
    if (data?.kind === "pushed" && page.visibilityState === "visible" && page.hasFocus()) serviceWorker.controller?.postMessage({ kind: "read" });
    if (data?.kind === "resubscribe") onResubscribe();
  };

  const follow = (registration) => {
    const coming = registration.installing;
    coming?.addEventListener("statechange", () => coming.state === "installed" && quietly(consider(coming)));
  };

  try {
    once(serviceWorker, () => {
      serviceWorker.addEventListener("controllerchange", () => quietly(changed()));
      serviceWorker.addEventListener("message", heard);
    });
    const registration = await serviceWorker.register(policy.createScriptURL(SCRIPT), { scope: "/", updateViaCache: "none" });
    once(registration, () => {
      registration.addEventListener("updatefound", () => follow(registration));
      follow(registration); // one may have begun before we could hear of it
      if (registration.waiting) quietly(consider(registration.waiting));
      // A page may stay open for weeks; the browser itself looks for a new version only when one is opened.
      let looked = now();
      page.addEventListener("visibilitychange", () => {
        if (page.visibilityState !== "visible" || now() - looked < LOOK_MS) return;
        looked = now();
        quietly(registration.update());
      });
    });
    return registration;
  } catch {
    return null; // also where the browser has no service workers at all
  }
};

/** Tells the worker in charge; nothing where there is none. `{kind: "read"}`: notices are closed. */
export const tellWorker = (message, serviceWorker = globalThis.navigator?.serviceWorker) => serviceWorker?.controller?.postMessage(message);
