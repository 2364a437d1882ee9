/* Being told by push, on this device: what the browser, the person and the server each say of it, brought to agree.

   A subscription belongs to one session. One that this session did not ask for (somebody else's, left in this browser) is given up,
   never taken over; one that it did ask for is renewed when the browser or the server has lost it. */
import { signal } from "@preact/signals";
import { Problem } from "../recado.js";

const KEY = "/api/push/key/";
const SUBSCRIPTIONS = "/api/push/subscriptions/";
const LOOKS = 100;
const LOOK_MS = 100;

const bytesOf = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/* The server's key that a subscription was made for; not every browser tells. */
const keyOf = (subscription) => {
  const key = subscription.options?.applicationServerKey;
  return key ? textOf(key) : null;
};

/* Without a memory, what this session wanted is what the server has listed. */
const forgetful = { get: async () => null, set: async () => {} };

/** `client.call(method, path, {body})` answers {status, said} or throws a Problem. `note`: what this session remembers,
    `get()` and `set(value)`, to be destroyed with it. `push.state`:
    "checking" nothing is known yet · "unsupported" by the browser, or here · "off" on the server · "denied" by the person to the browser ·
    "unsubscribed" · "subscribed" · "failed": see `push.problem`. */
export const createPush = ({
  client,
  note = forgetful,
  serviceWorker = globalThis.navigator?.serviceWorker,
  PushManager = globalThis.PushManager,
  Notification = globalThis.Notification,
  locks = globalThis.navigator?.locks,
  after = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}) => {
  const state = signal("checking");
  const problem = signal(null);
  const supported = Boolean(serviceWorker && PushManager && Notification);
  let turn = Promise.resolve();

  const settle = (next, why = null) => {
    problem.value = why;
    state.value = next;
  };

  /* One thing after the other, in all tabs: two that change a subscription at once would leave one that nobody knows. */
  const alone = (work) => (locks ? locks.request("recado-push", work) : work());
  const inTurn = (work) => (...given) => {
    const mine = turn.then(() => alone(() => work(...given)));
    turn = mine.catch(() => {});
    return mine;
  };

  /* Not `serviceWorker.ready`: after a sign-out that goes on giving the registration which the sign-out has taken away. */
  const manager = async () => {
    for (let looked = 0; looked < LOOKS; looked += 1) {
      const registration = await serviceWorker.getRegistration("/");
      if (registration?.active) return registration.pushManager;
      await after(LOOK_MS);
    }
    throw new Problem("problem", { code: "push_service" });
  };
  /* What there is in this browser, without waiting for a worker that may never come. */
  const present = async () => {
    const registration = supported ? await serviceWorker.getRegistration("/") : null;
    return (await registration?.pushManager?.getSubscription()) ?? null;
  };
  const giveUp = async () => {
    await (await present())?.unsubscribe();
    await note.set(null);
  };

  const serverKey = async () => (await client.call("GET", KEY)).said.public_key;
  const devices = async () => {
    const { said } = await client.call("GET", SUBSCRIPTIONS);
    return Array.isArray(said) ? said : [];
  };
  const withdraw = (path = SUBSCRIPTIONS) =>
    client.call("DELETE", path).catch((failure) => {
      if (failure.status !== 404) throw failure; // it is not there any more
    });

  const tell = async (subscription, publicKey) => {
    const { endpoint, expirationTime = null, keys } = subscription.toJSON();
    const body = { endpoint, expirationTime, keys: { p256dh: keys.p256dh, auth: keys.auth } };
    await client.call("POST", SUBSCRIPTIONS, { body: publicKey ? { ...body, public_key: publicKey } : body });
    await note.set({ endpoint });
  };

  const ask = async (key) => {
    const pushes = await manager();
    try {
      return await pushes.subscribe({ userVisibleOnly: true, applicationServerKey: bytesOf(key) });
    } catch (error) {
      if (Notification.permission === "denied") throw error;
      // The browser's push service cannot be reached, or there is none, or it is switched off.
      throw new Problem("problem", { code: "push_service" });
    }
  };

  /* A new subscription, in the place of whatever there is: an endpoint that somebody else may know is not taken over. */
  const renew = async (again = true) => {
    await giveUp();
    const key = await serverKey();
    const subscription = await ask(key);
    try {
      await tell(subscription, key);
    } catch (failure) {
      await giveUp();
      // The server has changed its key in this moment.
      if (failure.status === 409 && again) return renew(false);
      throw failure;
    }
  };

  /* Runs it, and says how things stand then. Also throws what failed, but for what is a state of its own. */
  const stand = async (work) => {
    try {
      settle(await work());
    } catch (failure) {
      if (failure.code === "push_off") return settle("off");
      if (Notification.permission === "denied") return settle("denied");
      settle("failed", failure instanceof Problem ? failure : new Problem("problem", { code: "push_service" }));
      throw problem.value;
    }
  };

  /** To be called in the click that asks for it: the browser may ask the person. */
  const subscribe = async () => {
    if (!supported) return settle("unsupported");
    // Not in turn: Safari lets a page ask only while the click lasts.
    const permission = Notification.permission === "default" ? await Notification.requestPermission() : Notification.permission;
    if (permission !== "granted") return settle(permission === "denied" ? "denied" : "unsubscribed");
    await inTurn(stand)(async () => {
      await renew();
      return "subscribed";
    });
  };

  const unsubscribe = inTurn(() =>
    stand(async () => {
      await withdraw();
      await giveUp();
      return "unsubscribed";
    }),
  );

  const agree = async (thoroughly) => {
    const mine = await present();
    const known = (await note.get()) ?? null;
    // Nearly everybody, nearly always: nobody need be asked.
    if (!thoroughly && !mine && !known && Notification.permission !== "granted")
      return Notification.permission === "denied" ? "denied" : "unsubscribed";
    const key = await serverKey();
    const listed = (await devices()).some(({ current }) => current === true);
    if (Notification.permission !== "granted") {
      if (listed) await withdraw();
      await giveUp();
      return Notification.permission === "denied" ? "denied" : "unsubscribed";
    }
    // Unlisted, though it is still the one that was told: the person has removed this device on another one.
    const lost = known !== null && known.endpoint !== mine?.endpoint;
    if (!listed && !lost) {
      await giveUp(); // also of somebody else, or of an earlier session
      return "unsubscribed";
    }
    const fits = mine && (keyOf(mine) ?? key) === key;
    if (!fits) await renew();
    else if (!listed || known?.endpoint !== mine.endpoint) await tell(mine, keyOf(mine));
    return "subscribed";
  };

  /** When somebody has signed in, and when the browser has given up the subscription; `thoroughly` also asks the server when nothing
      here speaks of pushes, for whoever wants to see how things stand. Never throws: see `state`. */
  const check = inTurn(async ({ thoroughly = false } = {}) => {
    if (!supported) return settle("unsupported");
    await stand(() => agree(thoroughly)).catch(() => {});
  });

  /** When somebody signs out: nothing rings here any more, whatever the server has heard of it. Never throws. */
  const forget = inTurn(async () => {
    try {
      await (await present())?.unsubscribe();
    } catch {
      // then the server's word ends it, as it ends the session
    }
    settle(supported ? "checking" : "unsupported");
  });

  /** A device of the list is told no more. */
  const remove = inTurn(async ({ session_id: id, current }) => {
    await withdraw(`${SUBSCRIPTIONS}${id}/`);
    if (!current) return;
    await giveUp();
    settle("unsubscribed");
  });

  return { state, problem, subscribe, unsubscribe, check, forget, devices, remove };
};
