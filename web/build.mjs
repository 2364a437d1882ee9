/* Builds dist/: the page, its hashed files (and the style of /api/docs/), the manifest and the licences of what is built in.
   The same sources give the same bytes. `--check` builds beside and says whether dist/ is up to date. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const DIST = join(HERE, "dist");
const LICENCE = /^(licen[cs]e|copying)(\.\w+)?$/i;

const bundle = (entry) =>
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
  });

const hashed = (name, content) => {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 12);
  return name.replace(/(\.\w+)$/, `.${hash}$1`);
};

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

/** Every file of dist/, by its path in there. */
const made = async () => {
  const [js, css, docs] = await Promise.all(
    ["src/main.js", "src/styles/app.css", "src/styles/docs.css"].map((entry) => bundle(entry)),
  );
  const parts = new Map([
    ["app.css", css.outputFiles[0].text],
    ["app.js", js.outputFiles[0].text],
    ["docs.css", docs.outputFiles[0].text],
    ["icon.svg", readFileSync(join(HERE, "src/icon.svg"), "utf8")],
  ]);
  const files = new Map();
  const manifest = {};
  let page = readFileSync(join(HERE, "index.html"), "utf8");
  for (const [name, content] of parts) {
    manifest[name] = hashed(name, content);
    files.set(`static/${manifest[name]}`, content);
    page = page.replace(`"/static/{{${name}}}" nonce`, `"/static/${manifest[name]}" integrity="${integrity(content)}" nonce`);
    page = page.replace(`{{${name}}}`, manifest[name]);
  }
  if (page.includes("{{")) throw new Error("index.html names a file that is not built");
  const packages = vendored(Object.keys(js.metafile.inputs));
  files.set("index.html", page);
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
    ([path, content]) => !existsSync(join(DIST, path)) || readFileSync(join(DIST, path), "utf8") !== content,
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
