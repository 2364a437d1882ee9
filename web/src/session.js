/* Signing in, out, and being signed out. Owns which phase the page is in; a chat lives exactly as long as its session. */
import { createApi } from "./api.js";
import { createChat } from "./chat.js";
import { createPageState } from "./state.js";

const SIGNED_IN = new Set(["chat", "enrol"]);

/** `tabs` is a BroadcastChannel or null: other tabs of this browser share the cookie, so they follow. */
export const createSession = ({ fetch, locks, tabs, connect, watching, uuid, device }) => {
  const page = createPageState();
  let parting = false; // the person is ending this session: its end is no news

  const leave = (phase, notice = null) => {
    page.chat.peek()?.stop();
    page.chat.value = null;
    page.profile.value = null;
    page.notice.value = notice;
    page.phase.value = phase;
  };

  const end = (why) => {
    if (parting || !SIGNED_IN.has(page.phase.peek())) return;
    api.forget();
    leave("sign", { key: `sign.${why}` });
  };

  const api = createApi({ fetch, locks, device, onEnded: end });

  const enter = async (typed) => {
    let name = typed;
    try {
      const said = await api.me();
      name = said?.username ?? typed;
      page.profile.value = said;
    } catch (problem) {
      if (problem.code === "enrolment_required") return leave("enrol");
      if (!typed) throw problem;
    }
    const chat = createChat({ api, me: name, connect, watching, uuid });
    page.notice.value = null;
    page.chat.value = chat;
    page.phase.value = "chat";
    chat.start();
  };

  const boot = async () => {
    page.phase.value = "starting";
    try {
      if (await api.restore()) await enter(null);
      else leave("sign");
    } catch (problem) {
      if (problem.status === 401) return leave("sign");
      page.problem.value = problem;
      page.phase.value = "unreachable";
    }
  };

  const signIn = async (username, password) => {
    await api.signIn(username, password);
    await enter(username);
    tabs?.postMessage("signed_in");
  };

  /** The second half of a sign-in; `proof` is one of otp, recovery_code, credential. */
  const secondFactor = async (username, mfaToken, proof) => {
    await api.secondFactor(mfaToken, proof);
    await enter(username);
    tabs?.postMessage("signed_in");
  };

  const passkey = async (credential) => {
    await api.passkey(credential);
    await enter(null);
    tabs?.postMessage("signed_in");
  };

  /** Makes a call that ends this session as well, and leaves when it has. A failed one leaves everything as it was. */
  const part = async (work, noticeOf) => {
    parting = true;
    let answer;
    try {
      answer = await work();
    } catch (problem) {
      parting = false;
      if (problem.code === "unauthenticated") end("ended");
      throw problem;
    }
    parting = false;
    api.forget();
    tabs?.postMessage("signed_out");
    leave("sign", { key: noticeOf(answer) });
  };

  const register = async (username, password) => {
    await api.register(username, password);
    try {
      await signIn(username, password);
    } catch {
      page.notice.value = { key: "sign.registered" };
      return false;
    }
    return true;
  };

  /** Everything is wiped at once; only the word to the server may have to be repeated. */
  const signOut = async () => {
    leave("leaving");
    try {
      await api.signOut();
    } catch (problem) {
      if (problem.status !== 401) return leave("sign", { key: "sign.out_unsure", again: true });
    }
    api.forget();
    tabs?.postMessage("signed_out");
    leave("sign", { key: "sign.was_out" });
  };

  tabs?.addEventListener("message", ({ data }) => {
    const phase = page.phase.peek();
    if (data === "signed_out") {
      end("was_out");
      // The socket may have told first, and only that the session is over; the person has done it themselves.
      if (page.notice.peek()?.key === "sign.ended") page.notice.value = { key: "sign.was_out" };
    }
    if (data === "signed_in" && phase === "sign") void boot();
    if (data === "signed_in" && phase === "chat") api.renew().catch(() => {}); // notices when the person has changed
  });

  return { page, api, boot, signIn, secondFactor, passkey, register, signOut, part };
};
