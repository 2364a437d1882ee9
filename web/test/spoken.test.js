/* What the page and its worker agree on, through the browser's cache. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keepSpoken, readSpoken } from "../src/spoken.js";

const cachesOf = (rows = new Map()) => ({
  open: async (name) => ({ put: async (path, response) => void rows.set(`${name}${path}`, await response.text()) }),
  match: async (path, { cacheName }) => (rows.has(`${cacheName}${path}`) ? new Response(rows.get(`${cacheName}${path}`)) : undefined),
});

test("the worker reads what the page has said last", async () => {
  const caches = cachesOf();
  assert.equal(await readSpoken(caches), null);
  await keepSpoken("en", caches);
  await keepSpoken("pt-BR", caches);
  assert.equal(await readSpoken(caches), "pt-BR");
});

test("a browser that keeps nothing is no trouble", async () => {
  const refuse = async () => {
    throw new Error("no");
  };
  for (const caches of [null, {}, { open: refuse, match: refuse }]) {
    await keepSpoken("en", caches);
    assert.equal(await readSpoken(caches), null);
  }
});
