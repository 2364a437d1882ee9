/* Reads news out once, politely. Two places in turn, so that the same words twice are heard twice. What was read out does not
   stay: the message may end, and its words with it. */
import { useEffect, useState } from "preact/hooks";
import { html } from "../html.js";

const STAYS_MS = 5_000;

export const Announcer = ({ state }) => {
  const { turn, text } = state.announcement.value;
  const [over, setOver] = useState(0); // the last turn that has been read out
  useEffect(() => {
    const timer = setTimeout(() => setOver(turn), STAYS_MS);
    return () => clearTimeout(timer);
  }, [turn]);
  const heard = over === turn ? "" : text;
  return html`<div class="unseen" role="status" data-testid="announcer">
    <p dir="auto">${turn % 2 ? heard : ""}</p>
    <p dir="auto">${turn % 2 ? "" : heard}</p>
  </div>`;
};
