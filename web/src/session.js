/* Signing in, out, and being signed out. Owns which phase the page is in; a chat lives exactly as long as its session. */
import { createApi } from "./api.js";
import { createChat } from "./chat.js";
import { createPageState } from "./state.js";

/** `tabs` is a BroadcastChannel or null: other tabs of this browser share the cookie, so they follow. */
export const createSession = ({ fetch, locks, tabs, connect, watching, uuid }) => {
  const page = createPageState();

  const leave = (phase, notice = null) => {
    page.chat.peek()?.stop();
    page.chat.value = null;
    page.notice.value = notice;
    page.phase.value = phase;
  };

  const end = (why) => {
    if (page.phase.peek() !== "chat") return;
    api.forget();
    leave("sign", { key: `sign.${why}` });
  };

  const api = createApi({ fetch, locks, onEnded: end });

  const enter = async (typed) => {
    const name = await api.me().then(
      (said) => said?.username ?? typed,
      (problem) => {
        if (typed) return typed;
        throw problem;
      },
    );
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

  return { page, api, boot, signIn, register, signOut };
};
