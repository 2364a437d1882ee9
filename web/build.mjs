/* Builds dist/: the page, its hashed files (and the style of /api/docs/), its service worker, the manifest of the installed page,
   manifest.json (which name is which) and the licences of what is built in.
   The same sources give the same bytes. `--check` builds beside and says whether dist/ is up to date. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { en } from "./src/texts/en.js";

const HERE = dirname(fileURLToPath(import.meta.url));
const DIST = join(HERE, "dist");
const ICONS = ["icon-192.png", "icon-512.png", "maskable-512.png", "apple-touch-icon.png", "badge-96.png"];
/* What the service worker keeps: what the page needs when it opens, and what a notice is drawn with. */
const KEPT = ["app.css", "app.js", "early.js", "icon.svg", "icon-192.png", "badge-96.png"];
const LICENCE = /^(licen[cs]e|copying)(\.\w+)?$/i;

const bundle = (entry, more = {}) =>
  build({
    absWorkingDir: HERE,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022"],
    charset: "utf8",
    legalComments: "none",
    metafile: true,
    write: false,
    logLevel: "warning",
    ...more,
  });

const hashOf = (...contents) => {
  const hash = createHash("sha256");
  for (const content of contents) hash.update(content);
  return hash.digest("hex").slice(0, 12);
};

const hashed = (name, content) => name.replace(/(\.\w+)$/, `.${hashOf(content)}$1`);

/* The packages whose code is in the bundle, by name. */
const vendored = (inputs) => {
  const found = inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]).filter(Boolean);
  return [...new Set(found)].sort();
};

const licenceOf = (name) => {
  const folder = join(HERE, "node_modules", name);
  const file = readdirSync(folder).find((one) => LICENCE.test(one));
  if (!file) throw new Error(`${name} carries no licence file`);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
};

const integrity = (content) => `sha384-${createHash("sha384").update(content).digest("base64")}`;

const workerOf = async (build, kept) => {
  const define = { BUILD: JSON.stringify(build), KEPT: JSON.stringify(kept) };
  return (await bundle("src/sw/worker.js", { format: "iife", define })).outputFiles[0].text;
};

/* The text with every {{name}} as the table has it. */
const filled = (path, table) =>
  readFileSync(join(HERE, path), "utf8").replace(/\{\{([\w.-]+)\}\}/g, (_, name) => {
    if (!Object.hasOwn(table, name)) throw new Error(`${path} names ${name}, which is not built`);
    return table[name];
  });

/** Every file of dist/, by its path in there. */
const made = async () => {
  const [js, css, docs, early] = await Promise.all([
    ...["src/main.js", "src/styles/app.css", "src/styles/docs.css"].map((entry) => bundle(entry)),
    bundle("src/early.js", { format: "iife" }), // no module: those wait until the page is parsed
  ]);
  const parts = new Map([
    ["app.css", css.outputFiles[0].text],
    ["app.js", js.outputFiles[0].text],
    ["docs.css", docs.outputFiles[0].text],
    ["early.js", early.outputFiles[0].text],
    ["icon.svg", readFileSync(join(HERE, "src/icon.svg"), "utf8")],
    ...ICONS.map((name) => [name, readFileSync(join(HERE, "src/icons", name))]),
  ]);
  const files = new Map();
  const manifest = {};
  for (const [name, content] of parts) {
    manifest[name] = hashed(name, content);
    files.set(`static/${manifest[name]}`, content);
  }
  const stays = Object.fromEntries(KEPT.map((name) => [`/static/${manifest[name]}`, integrity(parts.get(name))]));
  const installed = filled("src/manifest.webmanifest", { ...manifest, ...en });
  const page = (build) =>
    filled("index.html", { ...manifest, build }).replace(
      /"(\/static\/[\w.-]+)" nonce/g,
      (_, path) => {
        if (!Object.hasOwn(stays, path)) throw new Error(`index.html needs ${path}, which the worker does not keep: see KEPT`);
        return `"${path}" integrity="${stays[path]}" nonce`;
      },
    );
  // Of everything that a page and its worker must agree on.
  const name = hashOf(page(""), installed, await workerOf("", stays));
  const index = page(name);
  const packages = vendored(Object.keys(js.metafile.inputs));
  files.set("index.html", index);
  files.set("sw.js", await workerOf(name, stays));
  files.set("manifest.webmanifest", installed);
  files.set("manifest.json", `${JSON.stringify(manifest, null, 2)}\n`);
  files.set("LICENSES.txt", packages.map(licenceOf).join(`\n${"-".repeat(78)}\n\n`));
  return files;
};

const kept = () =>
  existsSync(DIST)
    ? readdirSync(DIST, { recursive: true, withFileTypes: true })
        .filter((one) => one.isFile())
        .map((one) => join(one.parentPath ?? one.path, one.name).slice(DIST.length + 1))
    : [];

const differences = (files) => {
  const stale = kept().filter((path) => !files.has(path));
  const changed = [...files].filter(
    ([path, content]) => !existsSync(join(DIST, path)) || !readFileSync(join(DIST, path)).equals(Buffer.from(content)),
  );
  return [...stale, ...changed.map(([path]) => path)].sort();
};

const write = (files) => {
  rmSync(DIST, { recursive: true, force: true });
  for (const [path, content] of files) {
    mkdirSync(dirname(join(DIST, path)), { recursive: true });
    writeFileSync(join(DIST, path), content);
  }
};

const files = await made();
if (process.argv.includes("--check")) {
  const wrong = differences(files);
  if (wrong.length > 0) {
    console.error(`dist/ is not what the sources give; run "npm run build". Different: ${wrong.join(", ")}`);
    process.exit(1);
  }
  console.log("dist/ is up to date");
} else {
  write(files);
  for (const [path, content] of files) console.log(`${String(Buffer.byteLength(content)).padStart(7)}  dist/${path}`);
}
