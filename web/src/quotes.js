/* Messages that others answer: from what is known, else by a call, each asked for once. */
import { signal } from "@preact/signals";
import { messageOf } from "../recado/book.js";
import { keyOf } from "../recado/names.js";
import { createEndings } from "./endings.js";

const MOST = 500;
const GONE = { status: "gone", message: null };

export const createQuotes = ({ client, clock = globalThis }) => {
  const known = new Map(); // id -> {key, quote: signal of {status: loading ready gone failed, message}}

  const isWith = ({ sender, recipient }, key) => {
    const names = [keyOf(sender), keyOf(recipient)];
    return names.includes(key) && names.includes(keyOf(client.me ?? ""));
  };

  const asked = async (id, key) => {
    try {
      const message = messageOf((await client.call("GET", `/api/messages/${id}/`)).said);
      return message && isWith(message, key) ? { status: "ready", message } : GONE;
    } catch (problem) {
      return { status: problem.status === 404 ? "gone" : "failed", message: null };
    }
  };

  const ending = () => [...known.values()].map(({ quote }) => quote).filter((quote) => quote.peek().message?.expires_at);
  const endOf = (quote) => Date.parse(quote.peek().message.expires_at);
  const endings = createEndings({
    client,
    clock,
    ends: () => ending().map(endOf),
    onEnd: () => ending().forEach((quote) => endOf(quote) <= client.serverNow() && (quote.value = GONE)),
  });

  const put = (quote, value) => {
    quote.value = value;
    if (value.message?.expires_at) endings.watch();
  };

  const load = async (id, key, quote) => {
    const found = await asked(id, key);
    // An event may have told better meanwhile.
    if (quote.peek().status === "loading") put(quote, found);
  };

  return {
    /** A message of the conversation `key`; one of another conversation is none here. `items` are the messages at hand. */
    of(id, key, items = []) {
      const at = known.get(id);
      if (at?.key === key) return at.quote;
      const found = items.find((message) => message.id === id);
      const quote = signal({ status: "loading", message: null });
      known.set(id, { key, quote });
      if (known.size > MOST) known.delete(known.keys().next().value);
      if (found) put(quote, { status: "ready", message: found });
      else void load(id, key, quote);
      return quote;
    },
    /** A message has another text, or (null) has ended. */
    changed(id, message) {
      const quote = known.get(id)?.quote;
      if (quote) put(quote, message ? { status: "ready", message } : GONE);
    },
    /** Asks again for what could not be had: not by itself, or it would be asked at each drawing. */
    retry() {
      endings.watch();
      for (const [id, { key, quote }] of known) {
        if (quote.peek().status !== "failed") continue;
        quote.value = { status: "loading", message: null };
        void load(id, key, quote);
      }
    },
    reset: () => known.clear(),
    stop: endings.stop,
  };
};
