/* Draws src/icons/*.png from src/icon.svg, by a Chromium: `node icons.mjs`, when the drawing has changed. The pictures are committed,
   for another browser's bytes may differ; the build takes them as they are. CHROMIUM names the browser. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const PAPER = "#f4f2ec"; // --paper of styles/tokens.css

/* `part`: how much of the picture the drawing fills. What a system cuts to its own shape keeps the middle 80 % (W3C maskable icons). */
const PICTURES = {
  "icon-192.png": { size: 192, part: 1 },
  "icon-512.png": { size: 512, part: 1 },
  "maskable-512.png": { size: 512, part: 0.58, paper: PAPER },
  "apple-touch-icon.png": { size: 180, part: 0.74, paper: PAPER },
  // Android paints its own colour over whatever is not transparent.
  "badge-96.png": { size: 96, part: 1, outline: true },
};

/* Runs in the browser. */
const draw = async ({ svg, size, part, paper }) => {
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
  const pen = canvas.getContext("2d");
  if (paper) {
    pen.fillStyle = paper;
    pen.fillRect(0, 0, size, size);
  }
  const side = size * part;
  pen.drawImage(image, (size - side) / 2, (size - side) / 2, side, side);
  document.title = canvas.toDataURL("image/png");
};

const SVG = readFileSync(join(HERE, "src/icon.svg"), "utf8").replace("<svg ", '<svg width="512" height="512" ');

/* The slip alone, with its lines cut out. */
const outline = () => {
  const [slip, , lines] = [...SVG.matchAll(/<path[^>]*\/>/g)].map(([path]) => path);
  const open = SVG.slice(0, SVG.indexOf("<path"));
  const cut = lines.replace("#fff", "#000");
  return `${open}<mask id="m"><rect width="32" height="32" fill="#fff"/>${cut}</mask><g mask="url(#m)">${slip.replace(/#\w{6}/, "#fff")}</g></svg>`;
};

const shot = (asked, folder) => {
  const page = join(folder, "page.html");
  writeFileSync(page, `<!doctype html><script>(${draw})(${JSON.stringify(asked)})</script>`);
  const browser = process.env.CHROMIUM ?? "chromium";
  const flags = ["--headless", "--disable-gpu", `--user-data-dir=${join(folder, "profile")}`, "--virtual-time-budget=5000", "--dump-dom"];
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const dom = execFileSync(browser, [...flags, ...sandbox, `file://${page}`], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return Buffer.from(/data:image\/png;base64,([\w+/=]+)/.exec(dom)[1], "base64");
};

const folder = mkdtempSync(join(tmpdir(), "icons-"));
for (const [name, { outline: bare = false, ...picture }] of Object.entries(PICTURES)) {
  const png = shot({ svg: bare ? outline() : SVG, ...picture }, folder);
  writeFileSync(join(HERE, "src/icons", name), png);
  console.log(`${String(png.length).padStart(7)}  src/icons/${name}`);
}
rmSync(folder, { recursive: true, force: true });
