"""What the page may do: its policy as sent, as enforced by a real browser, and what it leaves behind there."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.flows.person import PATIENCE_MS, Person, person
from tests.instances import Instance, Reply

# Everything that page code can write to; what the browser tells it back as names and values.
LEFT_BEHIND = """async () => {
  const cached = async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname);
  return {
    local: Object.entries(localStorage), session: Object.entries(sessionStorage), cookie: document.cookie,
    history: history.state, name: window.name,
    cached: (await Promise.all((await caches.keys()).map(cached))).flat(),
    workers: (await navigator.serviceWorker.getRegistrations()).length,
  };
}"""

# What is in IndexedDB, as whoever has the disk sees it: names of rows, all bytes as text, whether the key can be had.
SEALED = """async () => {
  const found = { names: [], text: "", extractable: [] };
  for (const { name } of await indexedDB.databases()) {
    const asked = indexedDB.open(name);
    const db = await new Promise((resolve) => (asked.onsuccess = () => resolve(asked.result)));
    for (const store of db.objectStoreNames) {
      const all = db.transaction(store).objectStore(store);
      const [keys, values] = await Promise.all([all.getAllKeys(), all.getAll()].map((asked) =>
        new Promise((resolve) => (asked.onsuccess = () => resolve(asked.result)))));
      for (const [at, value] of values.entries()) {
        if (value.key instanceof CryptoKey) found.extractable.push(value.key.extractable);
        else found.names.push(keys[at]);
        found.text += new TextDecoder("latin1").decode(value.data ?? new Uint8Array()) + JSON.stringify(value);
      }
    }
    db.close();
  }
  return found;
}"""

# How many of several ways to another origin are open.
REACHING = """async (address) => {
  const settled = (one) => new Promise((resolve, reject) => {
    Object.assign(one, { onload: resolve, onopen: resolve, onerror: reject });
  });
  const image = settled(Object.assign(new Image(), { src: `${address}/image` }));
  const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: `${address}/css` });
  const styled = settled(sheet);
  document.head.append(sheet);
  const socket = settled(new WebSocket(`${address.replace("http", "ws")}/socket`));
  const asked = await Promise.allSettled([image, styled, socket, fetch(`${address}/fetch`, { mode: "no-cors" })]);
  return asked.filter((one) => one.status === "fulfilled").length;
}"""

# What page code could find a token in: the markup and the globals.
IN_REACH = """() => document.documentElement.outerHTML + Object.keys(window).map((name) => {
  try { return typeof window[name] === "string" ? window[name] : JSON.stringify(window[name]); } catch { return ""; }
}).join(" ")"""

# Runs an attempt and returns what the policy said to it.
REFUSAL = """(attempt) => new Promise((resolve, reject) => {
  document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), { once: true });
  setTimeout(() => reject(new Error("nothing was refused")), 20_000);
  try { attempt(document.body) } catch {}
})"""

# Ways in which markup would become code, were it not for the policy.
INJECTIONS = {
    "text of a script": "node => { node.append(document.createElement('script')); node.lastChild.text = 'hit = 1' }",
    "source of a script": "node => { node.append(document.createElement('script')); node.lastChild.src = '/x.js' }",
    "markup": "node => { node.innerHTML = '<img src=x onerror=hit=1>' }",
    "markup beside": "node => node.insertAdjacentHTML('beforeend', '<svg onload=hit=1>')",
    "a whole document": "node => { node.append(document.createElement('iframe')); node.lastChild.srcdoc = '<i>' }",
    "a policy of one's own": "() => { trustedTypes.createPolicy('evil', { createHTML: (text) => text }) }",
    "our policy again": "() => { trustedTypes.createPolicy('recado-worker', { createScriptURL: (text) => text }) }",
    "a worker": "() => new Worker('data:text/javascript,1')",
    "a worker of ours": "() => new Worker('/sw.js')",
    "a service worker": "() => { navigator.serviceWorker.register('/static/x.js').catch(() => {}) }",
}


def policy_of(reply: Reply) -> dict[str, list[str]]:
    """The directives of an answer's policy."""
    parts = [part.split() for part in reply.headers["content-security-policy"].split(";")]
    return {name: values for name, *values in parts}


def nonce_of(policy: dict[str, list[str]]) -> str:
    found = re.fullmatch(r"'nonce-([A-Za-z0-9_-]{22,})'", policy["script-src"][0])
    assert found
    return found[1]


def test_the_policy_allows_our_own_files_and_nothing_else(instance: Instance) -> None:
    reply = instance.call("GET", "/")
    policy = policy_of(reply)
    nonce = nonce_of(policy)
    host = f"localhost:{instance.port}"
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == [f"'nonce-{nonce}'"]
    assert policy["connect-src"] == ["'self'", f"ws://{host}"]
    assert set(policy["img-src"]) <= {"'self'", "data:"}
    for name in ("base-uri", "frame-ancestors", "object-src"):
        assert policy.get(name, policy["default-src"]) == ["'none'"], name
    assert policy["form-action"] in (["'self'"], ["'none'"])
    assert policy["require-trusted-types-for"] == ["'script'"]
    # One policy, which knows one address: the worker's.
    assert policy["trusted-types"] == ["recado-worker"]
    assert policy["worker-src"] == policy["manifest-src"] == ["'self'"]
    assert not re.search(r"unsafe|\*|https?:", reply.headers["content-security-policy"])
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cross-origin-opener-policy"] == "same-origin"
    assert reply.headers["cache-control"] == "no-store"


def test_each_answer_has_a_nonce_of_its_own_on_every_script_and_style(instance: Instance) -> None:
    nonces = set()
    for _ in range(3):
        reply = instance.call("GET", "/")
        html = reply.body.decode()
        nonce = nonce_of(policy_of(reply))
        nonces.add(nonce)
        tags = re.findall(r"<(?:script|style|link rel=\"stylesheet\")[^>]*>", html)
        assert len(tags) >= 2
        assert all(f'nonce="{nonce}"' in tag for tag in tags)
        assert "__NONCE__" not in html
        assert not re.search(r"\son\w+=|\sstyle=|javascript:", html)
    assert len(nonces) == 3


def test_the_files_of_the_page_may_be_kept_for_ever_and_are_what_the_page_names(instance: Instance) -> None:
    html = instance.call("GET", "/").body.decode()
    named = set(re.findall(r'(?:src|href)="([^"]+)"', html)) - {"/manifest.webmanifest"}
    assert len(named) >= 4
    named |= {icon["src"] for icon in instance.call("GET", "/manifest.webmanifest").json["icons"]}
    assert {path.rpartition(".")[2] for path in named} == {"css", "js", "png", "svg"}
    for path in named:
        reply = instance.call("GET", path)
        assert (reply.status, reply.headers["cache-control"]) == (200, "public, max-age=31536000, immutable"), path
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_markup_does_not_become_code(chromium: Browser, instance: Instance) -> None:
    with person(chromium, instance) as alice:
        alice.register("alice")
        assert alice.violations == []
        for name, attempt in INJECTIONS.items():
            refused = alice.page.evaluate(f"({REFUSAL})({attempt})")
            assert refused in ("require-trusted-types-for", "trusted-types", "worker-src", "script-src-elem"), name
        with pytest.raises(Exception, match="TrustedScript"):
            alice.page.add_script_tag(content="window.hit = 1")
        assert alice.page.evaluate("window.hit") is None
        assert alice.page.evaluate("document.querySelectorAll('img, svg[onload]').length") == 0
        # The page lives on.
        alice.is_live()


def test_nothing_can_be_fetched_from_or_told_to_another_origin(chromium: Browser, instance: Instance) -> None:
    with elsewhere() as (address, asked), person(chromium, instance) as alice:
        alice.register("alice")
        reached = alice.page.evaluate(REACHING, address)
        assert reached == 0
        assert asked == []
        assert len(alice.violations) >= 4


def test_another_page_cannot_put_ours_into_a_frame(chromium: Browser, instance: Instance) -> None:
    with elsewhere() as (address, _):
        context = chromium.new_context()
        page = context.new_page()
        page.goto(address)
        with page.expect_console_message(lambda message: "frame-ancestors" in message.text, timeout=PATIENCE_MS):
            page.evaluate(
                "url => document.body.append(Object.assign(document.createElement('iframe'), { src: url }))",
                instance.url,
            )
        expect(page.frame_locator("iframe").get_by_test_id("sign-view")).to_have_count(0)
        context.close()


def test_a_whole_visit_talks_to_nobody_else_and_shows_no_token(chromium: Browser, instance: Instance) -> None:
    instance.register("bob")
    with person(chromium, instance) as alice:
        alice.register("alice")
        alice.open("bob")
        alice.write("see https://elsewhere.example/picture.png")
        alice.reads("see https://elsewhere.example/picture.png")
        alice.page.reload()
        alice.is_live()
        alice.at("sign-out").click()
        alice.is_at("sign-view")
        assert len(alice.requests) > 10
        assert len(alice.sockets) >= 2
        addresses = alice.requests + alice.sockets
        assert not [url for url in addresses if re.search(r"token|rt1_|eyJ|password", url)]
        assert {urlsplit(url).path for url in alice.sockets} == {"/ws/chat/"}
        alice.complains_of_nothing()


def test_the_browser_keeps_no_token_that_a_script_could_read(chromium: Browser, instance: Instance) -> None:
    instance.register("bob")
    with person(chromium, instance) as alice:
        alice.register("alice")
        alice.open("bob")
        alice.write("hello")
        alice.reads("hello")
        nothing = {"local": [], "session": [], "cookie": "", "name": "", "workers": 1}
        alice.page.wait_for_function("() => navigator.serviceWorker.controller !== null")
        left = alice.page.evaluate(LEFT_BEHIND)
        shell = left.pop("cached")  # the same for everybody
        files = re.findall(r"/static/[\w.-]+", instance.call("GET", "/sw.js").body.decode())
        assert set(shell) <= {"/", "/spoken", *files}
        assert left.pop("history") == {"thread": True}  # that one is open, not which
        assert left == nothing
        assert not _words_of_tokens(alice)
        kept = alice.page.evaluate(SEALED)
        assert {"me", "cursor", "message/0000000000000001"} < set(kept["names"])
        assert kept["extractable"] == [False]
        assert not re.search(r"hello|alice|bob|eyJ[\w-]{10,}", kept["text"] + "".join(kept["names"]))
        cookies = {cookie["name"]: cookie for cookie in alice.context.cookies()}
        assert set(cookies) == {"__Host-recado", "__Host-recado-device"}
        for cookie in cookies.values():
            options = (cookie["httpOnly"], cookie["secure"], cookie["sameSite"], cookie["path"])
            assert options == (True, True, "Strict", "/")
        alice.at("sign-out").click()
        alice.is_at("sign-view")
        left = alice.page.evaluate(LEFT_BEHIND)
        assert left.pop("cached") == []
        assert left.pop("history") is None
        assert left == nothing | {"workers": 0}
        assert alice.page.evaluate(SEALED)["names"] == []
        # By this one the server knows the browser again; it opens nothing.
        assert [cookie["name"] for cookie in alice.context.cookies()] == ["__Host-recado-device"]


def _words_of_tokens(who: Person) -> list[str]:
    """What looks like a token among the page's own globals and markup."""
    seen: str = who.page.evaluate(IN_REACH)
    return re.findall(r"eyJ[\w-]{10,}|rt1_[\w-]+", seen)


@contextmanager
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Another origin that answers everything, and the paths it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path not in ("/", "/favicon.ico"):
                asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Elsewhere</title>")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    turning = threading.Thread(target=server.serve_forever)
    turning.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        turning.join()
        server.server_close()
