/* What the page shows, as signals. One state for the page, one for each signed-in person; the latter is dropped whole at sign-out. */
import { signal } from "@preact/signals";

/** `phase`: starting, unreachable (see `problem`), sign, enrol, chat (see `chat`), leaving.
    `notice`: {key, again?, unsent?} above the sign-in form. */
export const createPageState = () => ({
  phase: signal("starting"),
  problem: signal(null),
  notice: signal(null),
  chat: signal(null),
  profile: signal(null), // of whoever is signed in, as the server has it
});
