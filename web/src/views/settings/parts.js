/* What the parts of the settings are made of: something loaded, something done, and what came of it in words. */
import { createContext } from "preact";
import { useContext, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "../../html.js";
import { fieldText, problemText } from "../../problems.js";
import { texts } from "../../text.js";
import { dateTime } from "../../when.js";

/** The level of the headings within a part where it is not that of the settings: what `aria-level` is given. */
export const Level = createContext(undefined);
export const useLevel = (below = 0) => {
  const level = useContext(Level);
  return level && level + below;
};

/** Where the focus goes when what had it is going away. */
export const toHeading = () => document.getElementById("part-heading")?.focus();

/** Loads at once. What is there stays when a reload fails; `problem` tells then. */
export const useLoad = (load) => {
  const [state, setState] = useState({ value: null, problem: null });
  const turn = useRef(0);
  const reload = async () => {
    const mine = (turn.current += 1);
    const settle = (next) => mine === turn.current && setState(next);
    settle((was) => ({ value: was.value, problem: null }));
    try {
      const value = await load();
      settle({ value, problem: null });
    } catch (problem) {
      if (problem.kind !== "aborted") settle((was) => ({ value: was.value, problem }));
    }
  };
  useEffect(() => {
    void reload();
    return () => (turn.current += 1);
  }, []);
  return { ...state, reload };
};

/** What was loaded, or that it is coming, or that it failed and can be tried again. */
export const Loaded = ({ from, children }) => {
  const t = texts.value;
  return html`
    ${from.value === null && !from.problem && html`<p class="settings-note" role="status">${t("settings.loading")}</p>`}
    ${from.problem &&
    html`<div class="notice notice-bad" role="alert" data-testid="load-failed">
      <p>${problemText(t, from.problem)}</p>
      <button type="button" class="button button-small" onClick=${from.reload}>${t("settings.retry")}</button>
    </div>`}
    ${from.value !== null && children(from.value)}
  `;
};

/** One thing done at a time. `run(work, {done, says, fields})`: `done` is what to say afterwards, `says` gives other words for
    a code of the server, `fields` names those whose faults are shown at the field: `task.wrong(name)`. */
export const useTask = () => {
  const [state, setState] = useState({ busy: false, text: "", done: "", faults: new Map() });
  const busy = useRef(false);
  const alive = useRef(true);
  useEffect(() => () => (alive.current = false), []);

  const tell = ({ text = "", done = "", faults = new Map() }) => {
    if (alive.current) setState({ busy: false, text, done, faults });
  };
  const refuse = (problem, { says = {}, fields = {} }) => {
    const t = texts.peek();
    if (problem.kind === "aborted") return tell({});
    const faults = new Map();
    for (const one of problem.fields ?? []) if (Object.hasOwn(fields, one.field)) faults.set(fields[one.field], fieldText(t, one));
    if (Object.hasOwn(fields, problem.code)) faults.set(fields[problem.code], problemText(t, problem));
    if (faults.size > 0) return tell({ faults });
    tell({ text: Object.hasOwn(says, problem.code) ? t(says[problem.code]) : problemText(t, problem) });
  };
  /** True when it was done. */
  const run = async (work, how = {}) => {
    if (busy.current) return false;
    busy.current = true;
    setState({ busy: true, text: "", done: "", faults: new Map() });
    try {
      await work();
      tell({ done: how.done ?? "" });
      return true;
    } catch (problem) {
      refuse(problem, how);
      return false;
    } finally {
      busy.current = false;
    }
  };
  return { ...state, run, tell, wrong: (name) => state.faults.get(name) };
};

/** Says what came of a task: a failure at once, a success politely. */
export const Outcome = ({ task }) =>
  html`<p role="alert" class=${task.text ? "notice notice-bad" : "unseen"} data-testid="settings-error">${task.text}</p>
    <p role="status" class=${task.done ? "notice" : "unseen"} data-testid="settings-done">${task.done}</p>`;

export const Act = ({ task, children, className = "", ...more }) =>
  html`<button type="button" class=${`button ${className}`} aria-disabled=${task.busy ? "true" : "false"} ...${more}>${children}</button>`;

/** Puts the focus where the first fault of a form is. */
export const useFaultFocus = (task, form) =>
  useLayoutEffect(() => {
    const [first] = task.faults.keys();
    if (first) form.current?.elements.namedItem(first)?.focus();
  }, [task.faults]);

export const Moment = ({ at }) =>
  html`<time dateTime=${at}>${Number.isNaN(Date.parse(at)) ? "" : dateTime(texts.value.locale, Date.parse(at))}</time>`;

/** A moment as words, for the middle of a sentence. */
export const momentOf = (t, at) => (Number.isNaN(Date.parse(at)) ? "?" : dateTime(t.locale, Date.parse(at)));

/** Gives the person a file. */
export const handOut = (blob, name) => {
  const address = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
};
