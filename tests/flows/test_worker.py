"""The service worker in a real browser: the page opens without a server, updates, and shows what is pushed."""

import json
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from tests.browser import run_chromium
from tests.flows.front import Front, maintenance
from tests.flows.person import PATIENCE_MS, WATCH_POLICY, comes_to, person
from tests.instances import Instance, Reply

BUILD = re.compile(rb'<meta name="recado-build" content="(\w+)"')
OTHER = b"0123456789ab"

SHELLS = "(await caches.keys()).filter((name) => name.startsWith('recado-')).sort()"
CACHES = f"async () => {SHELLS}"
CACHED = f"""async () => {{
  const [name] = {SHELLS};
  const cache = await caches.open(name);
  const rows = await Promise.all((await cache.keys()).map((key) => cache.match(key)));
  return Promise.all(rows.map(async (row) => ({{
    path: new URL(row.url).pathname, policy: row.headers.get("Content-Security-Policy"), text: await row.text(),
  }})));
}}"""
# Looks again and again, and gives up in the end.
UNTIL = """const until = async (found) => {
  for (const end = performance.now() + 20_000; performance.now() < end; ) {
    const one = await found();
    if (one) return one;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("in vain");
};"""
# In a worker: waits until it has taken over.
ACTIVATED = f"async () => {{ {UNTIL} await until(() => self.serviceWorker.state === 'activated'); }}"
# Waits until only this build is kept.
ONLY = f"async (name) => {{ {UNTIL} await until(async () => String({SHELLS}) === name); }}"
# Asks for a newer version, and gives its state when it is installed.
UPDATED = f"""async () => {{ {UNTIL}
  const registration = await navigator.serviceWorker.getRegistration();
  await registration.update();
  return until(() => registration.waiting?.state);
}}"""
# The notices, as soon as they are these.
NOTICES = f"""async (bodies) => {{ {UNTIL}
  const registration = await navigator.serviceWorker.getRegistration("/");
  const shown = await until(async () => {{
    const all = await registration.getNotifications();
    return String(all.map(({{ body }}) => body)) === String(bodies) && all;
  }});
  return shown.map(({{ title, body, tag, lang, data }}) => ({{ title, body, tag, lang, data }}));
}}"""
SPOKEN = "() => caches.match('/spoken')"
HIDE = "Object.defineProperty(document, 'visibilityState', { get: () => 'hidden', configurable: true })"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """With notices and what is installed of a page, which a shell has none of."""
    yield from run_chromium(whole=True)


@contextmanager
def visit(chromium: Browser, url: str, **options: Any) -> Iterator[tuple[BrowserContext, Page]]:
    """The page, under its worker; nothing it does is against its policy."""
    context = chromium.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    violations: list[str] = []
    context.expose_binding("__recado_violation", lambda _, told: violations.append(told))
    context.add_init_script(WATCH_POLICY)
    page = context.new_page()
    page.goto(url)
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    try:
        yield context, page
        assert violations == []
    finally:
        context.close()


def opens(page: Page) -> None:
    """Our script has run and drawn something, whatever it has reached."""
    shown = page.get_by_test_id("unreachable").or_(page.get_by_test_id("sign-view"))
    expect(shown).to_be_visible(timeout=PATIENCE_MS)


def build_of(page: Page) -> str:
    told = page.locator("meta[name=recado-build]").get_attribute("content")
    assert told
    return told


def test_the_page_opens_without_its_server(chromium: Browser, instance: Instance) -> None:
    with visit(chromium, instance.url) as (context, page):
        instance.kill()
        page.reload()
        opens(page)
        second = context.new_page()
        second.goto(f"{instance.url}/?from=elsewhere")
        opens(second)
        # Nothing stands in for the server.
        assert page.evaluate("fetch('/livez').then(() => 'answered', () => 'failed')") == "failed"
        with pytest.raises(Exception, match="ERR_CONNECTION_REFUSED"):
            second.goto(f"{instance.url}/api/docs/")
        instance.start()
        page.reload()
        expect(page.get_by_test_id("sign-view")).to_be_visible(timeout=PATIENCE_MS)


def test_what_is_kept_is_the_page_with_its_own_policy_and_its_files(chromium: Browser, instance: Instance) -> None:
    with visit(chromium, instance.url) as (_, page):
        rows = {row["path"]: row for row in page.evaluate(CACHED)}
        html = rows.pop("/")
        nonces = set(re.findall(r'nonce="([^"]+)"', html["text"]))
        assert len(nonces) == 1
        assert f"'nonce-{nonces.pop()}'" in html["policy"]
        wanted = set(re.findall(r'(?:src|href)="(/static/[^"]+)" integrity', html["text"]))
        assert wanted <= set(rows)
        for path, row in rows.items():
            if not path.endswith(".png"):
                assert row["text"].encode() == instance.call("GET", path).body


def test_a_page_of_a_proxy_is_neither_shown_nor_kept(chromium: Browser, instance: Instance) -> None:
    with Front(instance) as front, visit(chromium, front.url) as (_, page):
        before = page.evaluate(CACHES)
        for status in (502, 200):
            front.change = maintenance(status)
            page.reload()
            opens(page)
            assert build_of(page)
        assert page.evaluate(CACHES) == before
        # Who has never been here sees what there is.
        stranger = chromium.new_context()
        seen = stranger.new_page()
        seen.goto(front.url)
        expect(seen.get_by_text("Back soon")).to_be_visible(timeout=PATIENCE_MS)
        stranger.close()


def newer(instance: Instance) -> Any:
    """The same page as another build: another name, and a script of another name, which the old build does not have."""
    html = instance.call("GET", "/").body
    found = BUILD.search(html)
    assert found
    old = found[1]
    (script,) = re.findall(rb"/static/(app\.\w+)\.js", html)

    def change(path: str, reply: Reply) -> Reply:
        if path.startswith("/static/app.new.js"):
            return instance.call("GET", f"/static/{script.decode()}.js")
        if reply.status == 200 and path in ("/", "/sw.js"):
            reply.body = reply.body.replace(old, OTHER).replace(b"/static/%s.js" % script, b"/static/app.new.js")
        return reply

    return change


def test_a_new_version_waits_for_the_pages_of_the_old_one(chromium: Browser, instance: Instance) -> None:
    with Front(instance) as front, visit(chromium, front.url) as (context, page):
        old = build_of(page)
        front.change = newer(instance)
        with context.expect_event("serviceworker") as coming:
            assert page.evaluate(UPDATED) == "installed"
        assert page.evaluate(CACHES) == sorted([f"recado-{old}", f"recado-{OTHER.decode()}"])
        second = context.new_page()
        second.goto(f"{front.url}/api/docs/")
        page.close()
        assert coming.value.evaluate("self.serviceWorker.state") == "installed"
        second.goto("about:blank")  # the last one of the old build is gone
        coming.value.evaluate(ACTIVATED)
        front.change = maintenance(502)
        third = context.new_page()
        third.goto(front.url)
        opens(third)
        third.evaluate(ONLY, f"recado-{OTHER.decode()}")
        third.reload()
        opens(third)
        assert build_of(third) == OTHER.decode()


def test_a_page_that_came_from_the_new_version_brings_its_worker_along(chromium: Browser, instance: Instance) -> None:
    with Front(instance) as front, visit(chromium, front.url) as (_, page):
        front.change = newer(instance)
        page.reload()
        opens(page)
        assert build_of(page) == OTHER.decode()
        page.evaluate(ONLY, f"recado-{OTHER.decode()}")
        front.change = maintenance(502)
        page.reload()
        opens(page)
        assert build_of(page) == OTHER.decode()


# In a worker: counts what has been shown. Nobody may ask for notices earlier: Chromium forgets one that it is asked for
# while it is on its way to the system.
COUNT = """() => {
  self.shown = 0;
  const { prototype } = ServiceWorkerRegistration;
  const show = prototype.showNotification;
  prototype.showNotification = async function (...given) { await show.apply(this, given); self.shown += 1; };
}"""
SHOWN = f"async (count) => {{ {UNTIL} await until(() => self.shown === count); }}"


class Pusher:
    """Delivers pushes as the browser's push service would, and returns when the notice is shown."""

    def __init__(self, page: Page, origin: str) -> None:
        self.origin = origin
        self.pushed = 0
        (self.worker,) = page.context.service_workers
        self.worker.evaluate(COUNT)
        self.session: CDPSession = page.context.new_cdp_session(page)
        self.known: dict[str, str] = {}
        self.session.on("ServiceWorker.workerRegistrationUpdated", self._note)
        self.session.send("ServiceWorker.enable")
        page.evaluate("navigator.serviceWorker.ready.then(() => 0)")  # what is there is told meanwhile

    def _note(self, told: dict[str, Any]) -> None:
        # Also of other windows: of tests before.
        self.known |= {one["scopeURL"]: one["registrationId"] for one in told["registrations"]}

    def push(self, data: str) -> None:
        registration = self.known[f"{self.origin}/"]
        self.pushed += 1
        self.session.send(
            "ServiceWorker.deliverPushMessage", {"origin": self.origin, "registrationId": registration, "data": data}
        )
        self.worker.evaluate(SHOWN, self.pushed)


@pytest.mark.parametrize(
    ("locale", "lang", "words"),
    [
        ("en-GB", "en", ["3 new messages", "1 new message", "There are new messages"]),
        ("pt-BR", "pt-BR", ["3 mensagens novas", "1 mensagem nova", "Há mensagens novas"]),
    ],
)
def test_a_push_shows_one_notice_that_says_how_many(
    chromium: Browser, instance: Instance, locale: str, lang: str, words: list[str]
) -> None:
    with visit(chromium, instance.url, locale=locale, permissions=["notifications"]) as (context, page):
        beside = context.new_page()
        beside.goto(f"{instance.url}/api/docs/")
        page.close()
        pusher = Pusher(beside, instance.url)
        pushes = ['{"new": 3}', '{"new": 1, "body": "from alice", "title": "x"}', "no JSON"]
        for data, body in zip(pushes, words, strict=True):
            pusher.push(data)
            (shown,) = beside.evaluate(NOTICES, [body])
            assert shown == {"title": "Recado", "body": body, "tag": "recado", "lang": lang, "data": None}


def test_a_push_speaks_the_language_that_its_person_has_chosen(chromium: Browser, instance: Instance) -> None:
    token = instance.join("alice")
    assert instance.call("PATCH", "/api/users/me/", {"language": "pt-BR"}, token=token).status == 200
    with person(chromium, instance, locale="en-GB", permissions=["notifications"]) as alice:
        alice.sign_in("alice")
        expect(alice.page.locator("html")).to_have_attribute("lang", "pt-BR")
        comes_to(alice.page, SPOKEN)
        beside = alice.tab()
        beside.goto(f"{instance.url}/api/docs/")
        alice.page.close()
        pusher = Pusher(beside, instance.url)
        pusher.push('{"new": 1}')
        (shown,) = beside.evaluate(NOTICES, ["1 mensagem nova"])
        assert shown["lang"] == "pt-BR"


# What a browser does at a click, which only a person can make; the window may be focused only then.
CLICK = """async () => {
  const [notification] = await registration.getNotifications();
  WindowClient.prototype.focus = async function () { self.brought = this.url; return this; };
  const done = [];
  NotificationEvent.prototype.waitUntil = (promise) => done.push(promise);
  dispatchEvent(new NotificationEvent("notificationclick", { notification }));
  await Promise.all(done);
  return self.brought;
}"""


def test_a_click_takes_the_notice_away_and_brings_the_page(chromium: Browser, instance: Instance) -> None:
    with visit(chromium, instance.url, permissions=["notifications"]) as (context, page):
        page.evaluate(HIDE)
        beside = context.new_page()
        beside.goto(f"{instance.url}/api/docs/")
        pusher = Pusher(beside, instance.url)
        pusher.push('{"new": 1}')
        beside.evaluate(NOTICES, ["1 new message"])
        assert pusher.worker.evaluate(CLICK) == f"{instance.url}/"
        beside.evaluate(NOTICES, [])


def test_a_page_that_is_looked_at_takes_the_notice_away(chromium: Browser, instance: Instance) -> None:
    with visit(chromium, instance.url, permissions=["notifications"]) as (context, page):
        beside = context.new_page()
        beside.goto(f"{instance.url}/api/docs/")
        pusher = Pusher(beside, instance.url)
        page.evaluate(HIDE)
        pusher.push('{"new": 1}')
        beside.evaluate(NOTICES, ["1 new message"])
        page.evaluate("delete document.visibilityState")
        page.bring_to_front()
        pusher.push('{"new": 2}')
        page.evaluate(NOTICES, [])


def test_the_browser_finds_nothing_wrong_with_the_manifest_and_would_install_it(
    chromium: Browser, instance: Instance
) -> None:
    with visit(chromium, instance.url) as (context, page):
        session = context.new_cdp_session(page)
        manifest = session.send("Page.getAppManifest")
        assert (manifest["url"], manifest["errors"]) == (f"{instance.url}/manifest.webmanifest", [])
        errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
        # A test's window is a private one, from which nothing is installed.
        assert [error["errorId"] for error in errors] == ["in-incognito"]
        for icon in json.loads(manifest["data"])["icons"]:
            if icon["type"] == "image/png":
                picture = instance.call("GET", icon["src"]).body
                assert icon["sizes"] == "{}x{}".format(*struct.unpack(">II", picture[16:24]))
