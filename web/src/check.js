/* The live answer to "is there somebody of this name?" while a name is typed.
   Waits for a pause, asks once, and believes only the answer to the newest question. */
import { signal } from "@preact/signals";
import { nameFault } from "./names.js";

export const PAUSE_MS = 300;

/** `exists(name, signal)` asks the server. `state.value.status`: idle, fault, waiting, exists, missing, failed. */
export const createCheck = ({ exists, clock = globalThis, pause = PAUSE_MS }) => {
  const state = signal({ status: "idle", name: "" });
  let timer = null;
  let asked = null;

  const stop = () => {
    clock.clearTimeout(timer);
    asked?.abort();
    asked = null;
  };

  const ask = async (name) => {
    const mine = (asked = new AbortController());
    const settle = (status) => {
      if (asked === mine) state.value = { status, name };
    };
    try {
      settle((await exists(name, mine.signal)) ? "exists" : "missing");
    } catch {
      settle("failed");
    }
  };

  return {
    state,
    stop,
    typed(name) {
      stop();
      const fault = nameFault(name);
      if (name === "" || fault) {
        state.value = { status: name === "" ? "idle" : "fault", name, fault };
        return;
      }
      state.value = { status: "waiting", name };
      timer = clock.setTimeout(() => ask(name), pause);
    },
    /** The answer for a name at once, for who does not wait for the pause. */
    async now(name) {
      const { status, name: known } = state.value;
      if (known === name && (status === "exists" || status === "missing")) return status;
      stop();
      state.value = { status: "waiting", name };
      await ask(name);
      return state.value.status;
    },
  };
};
