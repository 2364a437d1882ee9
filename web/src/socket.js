/* One live connection in the plain dialect: opens with a one-time ticket, comes back after a loss, says when it is live.
   It only receives. Every frame is handed on as parsed; what is not an object is dropped.
   States: "connecting" (first try, or a try after a loss), "live", "offline" (waiting for the next try). */

export const FIRST_WAIT_MS = 500;
export const LONGEST_WAIT_MS = 30_000;
export const OPENING_MS = 10_000;
export const STEADY_MS = 10_000;
const SESSION_ENDED = 4401;
const REFUSED = 401;

/** Milliseconds before try number `attempt` (from 0): doubling, bounded, and half of it by chance so that a crowd spreads. */
export const backoff = (attempt, random = Math.random) => {
  const whole = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 16));
  return Math.round(whole / 2 + (whole / 2) * random());
};

export const parseFrame = (raw) => {
  try {
    const frame = JSON.parse(raw);
    return frame && typeof frame === "object" && !Array.isArray(frame) ? frame : null;
  } catch {
    return null;
  }
};

/** `ticket` brings a one-time ticket, `connect(ticket)` opens a WebSocket, `renew` is asked before the session is believed ended.
    `onBarred`: calls get through but the connection does not open (a proxy in between); news must be asked for. */
export const createSocket = ({ ticket, connect, renew, onFrame, onState, onLive, onBarred = () => {}, clock = globalThis, random = Math.random }) => {
  let wire = null;
  let attempt = 0;
  let timer = null;
  let opening = 0;
  let stopped = true;

  const later = (work, wait) => {
    clock.clearTimeout(timer);
    timer = clock.setTimeout(work, wait);
  };

  const drop = () => {
    const old = wire;
    wire = null;
    opening += 1;
    old?.close(1000);
  };

  const waitAndOpen = () => {
    if (stopped) return;
    onState("offline");
    later(open, backoff(attempt, random));
    attempt += 1;
  };

  const closed = async (socket, code) => {
    if (socket !== wire) return;
    wire = null;
    if (code !== SESSION_ENDED) return waitAndOpen();
    onState("connecting");
    try {
      await renew(); // 4401 also comes when only the access token has ended; a refused renewal ends the session by itself
    } catch (problem) {
      if (problem.status === REFUSED) return;
    }
    waitAndOpen();
  };

  const listen = (socket) => {
    let opened = false;
    wire = socket;
    later(() => socket === wire && (drop(), waitAndOpen()), OPENING_MS);
    socket.onopen = () => {
      if (socket !== wire) return;
      opened = true;
      later(() => (attempt = 0), STEADY_MS);
      onState("live");
      onLive();
    };
    socket.onmessage = ({ data }) => {
      const frame = socket === wire ? parseFrame(data) : null;
      if (frame) onFrame(frame);
    };
    socket.onclose = ({ code }) => {
      if (!opened && socket === wire && attempt > 0) onBarred();
      void closed(socket, code);
    };
  };

  const open = async () => {
    const mine = (opening += 1);
    onState("connecting");
    try {
      const pass = await ticket();
      if (mine === opening && !stopped) listen(connect(pass));
    } catch {
      if (mine === opening) waitAndOpen();
    }
  };

  return {
    start() {
      stopped = false;
      void open();
    },
    stop() {
      stopped = true;
      clock.clearTimeout(timer);
      drop();
    },
    /** Tries now instead of later; without effect while live or already trying. */
    hurry() {
      if (stopped || wire) return;
      clock.clearTimeout(timer);
      void open();
    },
    /** Drops a connection that is thought dead and comes back. */
    lost() {
      if (stopped) return;
      clock.clearTimeout(timer);
      drop();
      waitAndOpen();
    },
  };
};
