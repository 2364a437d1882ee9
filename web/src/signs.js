/* What the browser shows of what is unread: the title of the tab, and a number on its icon. */

const SIZE = 64;
/* A tab is the browser's own and has its own theme: so these do not come from the page's tokens. */
const BADGE = "#c4271d";
const ON_BADGE = "#ffffff";

export const badgeText = (count) => (count > 9 ? "9+" : String(count));

const draw = (document, image, count) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: SIZE, height: SIZE });
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0, SIZE, SIZE);
  pen.fillStyle = BADGE;
  pen.beginPath();
  pen.arc(42, 42, 22, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = ON_BADGE;
  pen.font = `bold ${count > 9 ? 26 : 34}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.fillText(badgeText(count), 42, 44);
  return canvas.toDataURL("image/png");
};

/** `show({unread, title})`: as often as it likes; the same again costs nothing. What the browser has no place for is left out. */
export const createSigns = ({ document, Image = globalThis.Image }) => {
  const link = document.querySelector("link[rel=icon]");
  const plain = link && { href: link.href, type: link.type };
  let shown = 0;
  let picture = null; // the plain icon, once it is asked for

  const load = () =>
    (picture ??= new Promise((resolve, reject) => {
      const image = new Image(SIZE, SIZE);
      image.onload = () => resolve(image);
      image.onerror = reject;
      image.src = plain.href;
    }));

  const icon = async (count) => {
    if (!plain) return;
    if (count === 0) return void Object.assign(link, plain);
    try {
      const image = await load();
      if (shown === count) Object.assign(link, { type: "image/png", href: draw(document, image, count) });
    } catch {
      picture = null; // the plain one stays
    }
  };

  return {
    show({ unread, title }) {
      if (document.title !== title) document.title = title;
      if (unread === shown) return;
      shown = unread;
      void icon(unread);
    },
  };
};
