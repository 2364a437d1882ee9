/* One connection that comes back. Says hello with an access token and the kept position, watches that the other side lives, and waits
   before each new try: as the server advises, or else a random time below a bound that grows. Knows nothing of messages.

   States: "idle", "connecting", "live" (welcomed), "waiting" (for the next try), "offline" (the device says so; tried all the same,
   seldom), "ended" (nothing is tried any more). */
import { jitter } from "./pace.js";
import { adviceOf } from "./problems.js";
import { isCount } from "./names.js";

export const SUBPROTOCOL = "recado.v1";
export const OPENING_MS = 10_000;
export const LASTING_MS = 60_000;
export const PONG_MS = 10_000;
export const OFFLINE_MS = 30_000;
const OPEN = 1; // of `readyState`: what is above it is over, and its close not yet told
const BYE_MS = 5_000;
const MOST_BYE_MS = 120_000;
const USUAL_HEARTBEAT_S = 25;

const UNAUTHENTICATED = 4401;
const TOO_LARGE = 1009;
const TOO_FAST = 4429;
/** Codes without a way back: the client must be mended (1007, 1008), or is not allowed (4403). */
const FOR_GOOD = new Map([
  [1007, "fault"],
  [1008, "fault"],
  [4403, "forbidden"],
]);

export const parseFrame = (raw) => {
  try {
    const frame = JSON.parse(raw);
    return frame && typeof frame === "object" && typeof frame.type === "string" ? frame : null;
  } catch {
    return null;
  }
};

/** `token()` brings an access token, `renew()` a new one; both throw a Problem, and whoever gives them ends the session when it is over.
    `onTooLarge()` is true when it has dropped what was too large. */
export const createWire = ({ url, WebSocket, clock, now, random, network, token, renew, cursor, ...told }) => {
  const { onState, onWelcome, onFrame, onLost, onTooLarge, onEnded } = told;
  let socket = null;
  let turn = 0;
  let state = "idle";
  let failures = 0;
  let next = null;
  let guard = null;
  let pulse = null;
  let heardAt = 0;
  let welcomedAt = null;
  let heartbeatMs = 0;
  let advised = null;
  let slowly = false;

  const set = (connection, more = {}) => {
    state = connection;
    onState({ connection, ...more });
  };

  const drop = () => {
    const old = socket;
    socket = null;
    turn += 1;
    for (const timer of [guard, pulse]) clock.clearTimeout(timer);
    if (old) {
      old.onopen = old.onmessage = old.onclose = old.onerror = null;
      try {
        old.close(1000);
      } catch {
        // it never opened
      }
    }
    if (welcomedAt !== null) onLost();
  };

  const offline = () => network?.onLine === false;

  const wait = (advice = null) => {
    failures = welcomedAt !== null && now() - welcomedAt > LASTING_MS ? 0 : failures + 1;
    welcomedAt = null;
    const pause = Math.round(advice ?? jitter(failures, random));
    const most = offline() ? Math.max(pause, OFFLINE_MS) : pause;
    set(offline() ? "offline" : "waiting", { retryInMs: most });
    clock.clearTimeout(next);
    next = clock.setTimeout(open, most);
  };

  const lose = (advice = null) => {
    drop();
    wait(advice);
  };

  const end = (reason, code) => {
    drop();
    welcomedAt = null;
    clock.clearTimeout(next);
    set("ended", { reason, code });
    onEnded(reason, code);
  };

  /** True when it went out. A socket that is closing takes everything, and nothing of it goes anywhere. */
  const say = (frame) => {
    if (socket === null || socket.readyState > OPEN || state === "ended") return false;
    try {
      socket.send(JSON.stringify(frame));
      return true;
    } catch {
      return false;
    }
  };

  const ping = (patience) => {
    const asked = heardAt;
    if (!say({ type: "ping" })) return lose();
    clock.clearTimeout(pulse);
    pulse = clock.setTimeout(() => (heardAt === asked ? lose() : listenOn()), patience);
  };

  /** Silence for one and a half heartbeats asks; for two and a half means that it is gone. */
  const listenOn = () => {
    clock.clearTimeout(pulse);
    const silent = now() - heardAt;
    if (silent >= heartbeatMs * 1.5) return ping(heartbeatMs);
    pulse = clock.setTimeout(listenOn, heartbeatMs * 1.5 - silent);
  };

  const afterRenewal = async (mine) => {
    set("connecting");
    try {
      await renew();
    } catch (problem) {
      if (mine === turn && state !== "ended") wait(problem.retryAfter == null ? null : problem.retryAfter * 1000);
      return;
    }
    if (mine === turn && state !== "ended") wait();
  };

  const closed = (code) => {
    const bye = advised;
    const welcomed = welcomedAt !== null;
    if (code === TOO_FAST) slowly = true;
    const mended = code === TOO_LARGE && onTooLarge();
    drop();
    if (FOR_GOOD.has(code)) return end(FOR_GOOD.get(code), code);
    if (code === TOO_LARGE && !mended) return end("fault", code);
    if (code !== UNAUTHENTICATED) return wait(bye);
    if (welcomed && now() - welcomedAt > LASTING_MS) failures = 0;
    welcomedAt = null;
    void afterRenewal(turn);
  };

  const greeted = (frame) => {
    if (frame.type === "error" && frame.code === "enrolment_required") return end("enrolment");
    if (frame.type === "error") return frame.code === "unauthenticated" ? closed(UNAUTHENTICATED) : lose(seconds(frame.retry_after));
    if (frame.type !== "welcome" || !isCount(frame.position) || typeof frame.epoch !== "string") return;
    welcomedAt = now();
    heartbeatMs = (frame.heartbeat_seconds > 0 ? Math.min(Math.max(frame.heartbeat_seconds, 1), 600) : USUAL_HEARTBEAT_S) * 1000;
    clock.clearTimeout(guard);
    listenOn();
    onWelcome(frame, { slowly });
    if (socket !== null) set("live");
    slowly = false;
  };

  const seconds = (value) => {
    const advice = adviceOf(value);
    return advice === null ? null : advice * 1000;
  };

  const hear = (data) => {
    heardAt = now();
    const frame = parseFrame(data);
    if (!frame) return;
    if (welcomedAt === null) return greeted(frame);
    if (frame.type === "bye") {
      advised = isCount(frame.resume_after_ms) ? Math.min(frame.resume_after_ms, MOST_BYE_MS) : null;
      clock.clearTimeout(guard);
      guard = clock.setTimeout(() => lose(advised), BYE_MS);
    }
    onFrame(frame);
  };

  const listen = (opened, access) => {
    socket = opened;
    advised = null;
    const mine = opened;
    guard = clock.setTimeout(() => mine === socket && lose(), OPENING_MS);
    opened.onopen = () => {
      if (mine !== socket) return;
      if (opened.protocol !== SUBPROTOCOL) return lose();
      const { position, epoch } = cursor();
      say({ type: "hello", token: access, ...(position === null ? {} : { position, epoch: epoch ?? "" }) });
    };
    opened.onmessage = ({ data }) => mine === socket && hear(data);
    opened.onerror = () => {};
    opened.onclose = ({ code }) => mine === socket && closed(code);
  };

  const open = async () => {
    clock.clearTimeout(next);
    turn += 1;
    const mine = turn;
    set("connecting");
    let access;
    try {
      access = await token();
    } catch (problem) {
      if (mine === turn && state !== "ended") wait(problem.retryAfter == null ? null : problem.retryAfter * 1000);
      return;
    }
    if (mine !== turn || state === "ended") return;
    try {
      listen(new WebSocket(url, SUBPROTOCOL), access);
    } catch {
      wait();
    }
  };

  const hurry = () => {
    if (state === "waiting" || state === "offline") void open();
    else if (state === "live") ping(PONG_MS);
  };

  return {
    say,
    hurry,
    get state() {
      return state;
    },
    get slowly() {
      return slowly;
    },
    start() {
      if (state === "idle") void open();
    },
    /** Drops a connection that is thought dead, or that has left a gap open, and comes back to resume. */
    lost() {
      if (state === "live" || state === "connecting") lose();
    },
    /** The device says that it has no network. */
    gone() {
      if (state !== "idle" && state !== "ended") lose();
    },
    stop() {
      drop();
      welcomedAt = null;
      clock.clearTimeout(next);
      state = "idle";
    },
    end,
  };
};
