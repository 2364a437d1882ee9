/* A server that the test plays: sockets that it speaks through, and answers to calls. */
import { createClient, memoryStore } from "../recado.js";
import { createClock, settle } from "./clock.js";

export const tokenOf = (sub, n = 0, life = 600) =>
  `h.${Buffer.from(JSON.stringify({ sub, n, iat: 1_000_000, exp: 1_000_000 + life })).toString("base64url")}.s`;

export const answer = (status, said, headers = {}) => ({
  ok: status < 400,
  status,
  headers: new Headers(headers),
  text: async () => (said === undefined ? "" : typeof said === "string" ? said : JSON.stringify(said)),
});

export const refusal = (status, code, headers) => answer(status, { status, code, detail: `It is ${code}.` }, headers);

export const messageFor = (id, sender, recipient, content, more = {}) => ({
  id, sender, recipient, content, timestamp: `2026-11-22T09:00:00.${String(id).padStart(3, "0")}Z`, ...more,
});

/** Alice's client, with everything of its surroundings in the test's hand. */
export const scene = ({ answers = {}, store = memoryStore(), random = () => 1, ...options } = {}) => {
  const clock = createClock();
  const sockets = [];
  const asked = [];
  const seen = [];
  let renewals = 0;
  const usual = {
    "POST /api/auth/login/": () => answer(200, { access: tokenOf("1"), refresh: "r0" }),
    "POST /api/auth/refresh/": () => answer(200, { access: tokenOf("1", (renewals += 1)), refresh: `r${renewals}` }),
    "GET /api/users/me/": () => answer(200, { username: "alice" }),
    "POST /api/auth/logout/": () => answer(204),
  };

  class FakeSocket {
    constructor(url, protocol) {
      Object.assign(this, { url, protocol, said: [], closed: null });
      sockets.push(this);
    }
    send(raw) {
      this.said.push(JSON.parse(raw));
    }
    close(code) {
      this.closed = code;
    }
    /** What the test, as the server, does. */
    async open() {
      this.onopen?.();
      await settle();
    }
    async tell(...frames) {
      for (const frame of frames) this.onmessage?.({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
      await settle();
    }
    async end(code = 1006) {
      this.onclose?.({ code });
      await settle();
    }
    of(type) {
      return this.said.filter((frame) => frame.type === type);
    }
  }

  const network = Object.assign(new EventTarget(), { onLine: true });
  const client = createClient({
    url: "https://chat.test",
    store,
    session: "tokens",
    fetch: async (href, asking) => {
      const { pathname, search } = new URL(href);
      const called = `${asking.method} ${pathname}`;
      asked.push({ called, search, headers: asking.headers, body: asking.body && JSON.parse(asking.body) });
      const given = answers[called] ?? usual[called];
      if (!given) throw new TypeError(`nobody answers ${called}`);
      return given(asked.at(-1), asking);
    },
    WebSocket: FakeSocket,
    now: clock.now,
    random,
    clock,
    locks: null,
    Channel: null,
    network,
    ...options,
  });
  for (const kind of ["message", "event", "reset", "typing", "presence", "notice", "failed", "fault", "ended"]) {
    client.on(kind, (told) => seen.push([kind, told]));
  }
  const here = {
    client,
    clock,
    store,
    sockets,
    asked,
    seen,
    network,
    told: (kind) => seen.filter(([one]) => one === kind).map(([, told]) => told),
    calls: (called) => asked.filter((one) => one.called === called),
    last: () => sockets.at(-1),
    /** Opens and welcomes the newest socket. */
    async welcome({ position = 0, epoch = "e1", outcome = "live", username = "alice", heartbeat_seconds = 25 } = {}) {
      await settle();
      await here.last().open();
      await here.last().tell({ type: "welcome", username, position, epoch, outcome, heartbeat_seconds });
      return here.last();
    },
    async live(welcome) {
      await client.signIn("alice", "secret secret");
      return here.welcome(welcome);
    },
    /** The connection is lost, the wait is over, the next one is opened. */
    async back(code = 1006) {
      await here.last().end(code);
      await clock.forward(client.state.retryInMs ?? 0);
    },
  };
  return here;
};

export { settle };
