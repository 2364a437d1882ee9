/* Signing in, out, and being signed out. Owns which phase the page is in, and the client; a chat lives exactly as long as its session. */
import { createChat } from "./chat.js";
import { createPageState } from "./state.js";

const PROFILE = "/api/users/me/";
const PROFILE_ROW = "page/profile";
/** Why a session may end, and what is said of it above the sign-in form. */
const ENDINGS = new Map([
  ["signed_out", "sign.was_out"],
  ["revoked", "sign.ended"],
  ["changed", "sign.changed"],
  ["forbidden", "sign.forbidden"],
  ["fault", "sign.fault"],
]);

/** `client` is the library's, `store` where it keeps what outlives the page; `tabs` is a BroadcastChannel or null: other tabs
    of this browser share the cookie, so those that show the sign-in follow. */
export const createSession = ({ client, store, keeps = true, tabs, watching, device, onNews = () => {} }) => {
  const page = createPageState();
  const named = device ? { device } : {};
  let parting = false; // the person is ending this session: its end is no news
  let meanwhile = null; // what else ended it while a call was under way that does

  const leave = (phase, notice = null) => {
    page.chat.peek()?.stop();
    page.chat.value = null;
    page.profile.value = null;
    page.notice.value = notice;
    page.phase.value = phase;
  };

  const knowProfile = (said) => {
    if (typeof said?.username !== "string") return;
    page.profile.value = said;
    store.write([[PROFILE_ROW, said]]).catch(() => {}); // the next visit asks again
  };

  const loadProfile = async () => {
    knowProfile((await client.call("GET", PROFILE)).said);
    return page.profile.peek();
  };

  /** What the last visit knew serves until the server answers, also without a network. */
  const restoreProfile = async (chat) => {
    const kept = await store.get(PROFILE_ROW).catch(() => null);
    if (kept && page.profile.peek() === null && page.chat.peek() === chat) page.profile.value = kept;
  };

  const enter = () => {
    page.chat.peek()?.stop();
    // A profile that does not come is asked for again with the next connection.
    const chat = createChat({ client, store, keeps, tabs, watching, onLive: () => void loadProfile().catch(() => {}), onNews });
    page.notice.value = null;
    page.chat.value = chat;
    page.phase.value = "chat";
    void restoreProfile(chat);
    chat.start();
  };

  /** `work` gives false when there is no session. One for which nothing is open yet is one all the same. */
  const enterBy = async (work) => {
    try {
      if ((await work()) === false) return leave("sign", page.notice.peek());
    } catch (problem) {
      if (problem.code !== "enrolment_required") throw problem;
      return leave("enrol");
    }
    enter();
  };

  const boot = async () => {
    leave("starting", page.notice.peek());
    try {
      await enterBy(client.resume);
    } catch (problem) {
      if (problem.unauthenticated) return leave("sign", page.notice.peek());
      page.problem.value = problem;
      page.phase.value = "unreachable";
    }
  };

  const signInBy = async (work) => {
    await enterBy(work);
    tabs?.postMessage("signed_in");
  };

  const signIn = (username, password) => signInBy(() => client.signIn(username, password, named));

  const register = async (username, password) => {
    await client.register(username, password);
    try {
      await signIn(username, password);
    } catch {
      page.notice.value = { key: "sign.registered" };
      return false;
    }
    return true;
  };

  /** A session that must enrol first is one all the same. */
  const stands = () => client.resume().catch((problem) => problem.code === "enrolment_required" || Promise.reject(problem));

  /** Everything is wiped at once; only the word to the server may have to be repeated. */
  const signOut = async () => {
    const again = client.me === null && page.phase.peek() !== "enrol";
    leave("leaving");
    parting = true;
    try {
      if (!again || (await stands())) await client.signOut();
      leave("sign", { key: "sign.was_out" });
    } catch (problem) {
      leave("sign", problem.unauthenticated ? { key: "sign.was_out" } : { key: "sign.out_unsure", again: true });
    } finally {
      parting = false;
    }
  };

  /** Makes a call that ends this session as well, and leaves when it has. A failed one leaves everything as it was. */
  const part = async (work, noticeOf) => {
    parting = true;
    meanwhile = null;
    try {
      const answer = await client.part(work);
      meanwhile = null;
      leave("sign", { key: noticeOf(answer) });
      return answer;
    } finally {
      parting = false;
      if (meanwhile) hearEnd(meanwhile);
    }
  };

  const hearEnd = ({ reason, unsent }) => {
    if (reason === "enrolment") return void boot();
    leave("sign", { key: ENDINGS.get(reason) ?? "sign.ended", unsent });
  };

  client.on("ended", (end) => (parting ? (meanwhile = end) : hearEnd(end)));

  tabs?.addEventListener("message", ({ data }) => {
    if (data === "signed_in" && page.phase.peek() === "sign") void boot();
  });

  return {
    page,
    client,
    boot,
    signIn,
    register,
    signOut,
    part,
    loadProfile,
    knowProfile,
    /** The second half of a sign-in; `proof` is one of otp, recovery_code, credential. */
    secondFactor: (mfaToken, proof) => signInBy(() => client.secondFactor({ mfa_token: mfaToken, ...proof })),
    passkey: (credential) => signInBy(() => client.passkey(credential, named)),
    exists: (username, signal) => client.checkUsername(username, { signal }),
    isTaken: (username, signal) => client.isTaken(username, { signal }),
  };
};
