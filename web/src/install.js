/* Putting the page among the device's applications, where the browser offers that. Made when the page begins: the offer comes early. */
import { signal } from "@preact/signals";

/** `canInstall`: whether `install()` would ask the person; `installed`: whether the page runs as an application. */
export const createInstall = ({ target = globalThis, standalone = matchMedia("(display-mode: standalone)").matches } = {}) => {
  const canInstall = signal(false);
  const installed = signal(standalone);
  let offer = null;
  const keep = (event) => {
    offer = event;
    canInstall.value = event !== null;
  };

  target.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault(); // we ask where it fits
    keep(event);
  });
  target.addEventListener("appinstalled", () => {
    keep(null);
    installed.value = true;
  });

  /** Asks the person, by the browser's own question. True when they agree. An offer is good once. */
  const install = async () => {
    if (!offer) return false;
    const asked = offer;
    keep(null);
    try {
      await asked.prompt();
      return (await asked.userChoice).outcome === "accepted";
    } catch {
      return false;
    }
  };

  return { canInstall, installed, install };
};
