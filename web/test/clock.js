/* A clock that the test turns. */
export const createClock = () => {
  let now = 0;
  let turn = 0;
  const due = new Map();
  return {
    setTimeout(work, wait) {
      due.set((turn += 1), { work, at: now + wait });
      return turn;
    },
    clearTimeout: (id) => due.delete(id),
    now: () => now,
    waits: () => [...due.values()].map(({ at }) => at - now),
    /** Lets what is under way settle, then moves on, doing what falls due in its order. */
    async forward(wait) {
      const end = now + wait;
      await settle();
      for (;;) {
        const [next] = [...due].filter(([, one]) => one.at <= end).sort(([, one], [, other]) => one.at - other.at);
        if (!next) break;
        due.delete(next[0]);
        now = next[1].at;
        next[1].work();
        await settle();
      }
      now = end;
    },
  };
};

export const settle = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
