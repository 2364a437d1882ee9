/* Several tabs of one browser: one of them leads (holds the connection and sends), the others see what it sees. The leader is whoever
   holds a Web Lock; the browser gives it on when that tab goes. Without Web Locks or BroadcastChannel each tab leads alone: the server
   still stores each message once, by its client_id. */

export const createTabs = ({ name, locks, Channel, shared, onLead, onWord }) => {
  const together = shared && locks && Channel;
  let channel = null;
  let leading = false;
  /** @type {(gone?: any) => void} */
  let release = () => {};
  let waiting = null;

  const lead = () => {
    leading = true;
    onLead();
  };

  return {
    get leading() {
      return leading;
    },
    start() {
      if (!together) return lead();
      channel = new Channel(`recado/${name}`);
      channel.onmessage = ({ data }) => onWord(data);
      waiting = new AbortController();
      locks
        .request(`recado/lead/${name}`, { signal: waiting.signal }, () => {
          lead();
          return new Promise((resolve) => (release = resolve));
        })
        .catch(() => {});
    },
    post(word) {
      if (channel) return channel.postMessage(word);
      if (!together) return;
      const once = new Channel(`recado/${name}`);
      once.postMessage(word);
      once.close();
    },
    stop() {
      leading = false;
      waiting?.abort();
      release();
      channel?.close();
      channel = null;
    },
    /** `work` when no other tab does the like. */
    inTurn: (work) => (shared && locks ? locks.request(`recado/renew/${name}`, work) : work()),
  };
};
