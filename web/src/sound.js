/* A short soft tone, made here and now: no file. Whatever the browser refuses, it is only silent. */

const LEAST_APART_MS = 1500;
const LATE_MS = 600; // a tone that the browser lets through only after a touch of the page would tell of something long past
const NOTES = [
  [659, 0],
  [880, 0.09],
];
const LOUD = 0.06;
const LENGTH_S = 0.32;

const note = (context, frequency, start) => {
  const tone = context.createOscillator();
  const volume = context.createGain();
  tone.frequency.value = frequency;
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(LOUD, start + 0.015);
  volume.gain.exponentialRampToValueAtTime(0.0001, start + LENGTH_S);
  tone.connect(volume).connect(context.destination);
  tone.start(start);
  tone.stop(start + LENGTH_S);
};

/** `isOn()` says whether tones are wanted. `play()` gives true when one is heard; many at once are one. */
export const createSound = ({ isOn, Context = globalThis.AudioContext, now = () => performance.now() }) => {
  let context = null;
  let last = -Infinity;

  const ready = async () => {
    context ??= new Context();
    const asked = now();
    if (context.state !== "running") await context.resume();
    return now() - asked < LATE_MS;
  };

  return {
    async play() {
      if (!isOn() || !Context || now() - last < LEAST_APART_MS) return false;
      last = now();
      try {
        if (!(await ready())) return false;
        for (const [frequency, after] of NOTES) note(context, frequency, context.currentTime + after);
        return true;
      } catch {
        return false;
      }
    },
  };
};
