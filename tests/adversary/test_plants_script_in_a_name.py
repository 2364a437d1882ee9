"""Markup and script in names, display names, messages, error texts and addresses, in a real browser.

Stored text became code in pages that wrote it as markup (CVE-2026-24050, CVE-2025-52559, CVE-2020-26891), and an answer
without a policy became a page (CVE-2026-44727, CVE-2025-67724). There are two walls here, and each is tried without the
other: straight to the server the browser is told to ignore the policy, so the page's own code has to be safe; through
the proxy the policy is there, and nothing that is tried may so much as touch it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.adversary.attacker import PASSWORD, Store, Target, fresh_name
from tests.flows.person import PATIENCE_MS, Person, person

SCRIPTS = [
    "<script>hit=1</script>",
    "<img src=x onerror=hit=1>",
    '"><svg onload=hit=1>',
    "'><iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "</title></textarea></style><script>hit=1</script>",
    '<a href="javascript:hit=1">x</a>',
    '<details open ontoggle=hit=1><input autofocus onfocus=hit=1 style="animation:x">',
    "<math><mtext><table><mglyph><style><img src=x onerror=hit=1>",
    "<base href=//127.0.0.1:9/><form action=javascript:hit=1><button>x",
    "${hit=1}{{constructor.constructor('hit=1')()}}<%= hit=1 %>",
    "javascript:hit=1",
    "data:text/html,<script>parent.hit=1</script>",
    "\u202e<script>hit=1</script>\u202c",
    "&lt;img src=x onerror=hit=1&gt;",
    "__proto__",
    "constructor",
]
TYPED = ["".join(SCRIPTS), SCRIPTS[1], "__proto__"]
# What of the page would be more if a text had become markup.
MADE = """document.querySelectorAll(
  'script, iframe, img, svg[onload], a[href^="javascript"], base, object, embed, style, details, math').length"""


@pytest.fixture(params=["direct", "proxied"])
def place(request: pytest.FixtureRequest) -> tuple[Target, bool]:
    """Where the page is, and whether its policy counts there."""
    if request.param == "direct":
        return request.getfixturevalue("straight"), False
    return request.getfixturevalue("shielded"), True


@pytest.fixture
def opened(chromium: Browser, place: tuple[Target, bool]) -> Iterator[Callable[[], Person]]:
    """Lets somebody open the page; behind the test no script has run, and nobody has anything to complain of."""
    target, counts = place
    with person(chromium, target.door, bypass_csp=not counts) as visitor:
        yield lambda: visitor
        assert visitor.page.evaluate("window.hit") is None
        visitor.complains_of_nothing()


def named(target: Target, shown: str) -> str:
    """The token of somebody whom nobody could sign up: their name is what the attacker has put into the database."""
    store, name = Store(f"sqlite:///{target.server.home / 'recado.db'}"), fresh_name()
    target.ask("POST", "/api/auth/register/", {"username": name, "password": PASSWORD})
    store.run("UPDATE users SET name = ?, display_name = ? WHERE name = ?", shown, shown, name)
    return target.pair(name)["access"]


def says(target: Target, token: str, recipient: str, content: str) -> None:
    sent = target.ask("POST", "/api/auth/send/", {"recipient": recipient, "content": content}, token=token)
    assert sent.status == 201, sent


def test_no_name_and_no_message_becomes_code(place: tuple[Target, bool], opened: Callable[[], Person]) -> None:
    target, visitor, bob = place[0], opened(), fresh_name()
    visitor.register(bob)
    before = visitor.page.evaluate(MADE)
    for script in SCRIPTS:
        says(target, named(target, script), bob, script)
    mallory = target.join()
    for script in SCRIPTS:
        says(target, mallory.token, bob, script)
    conversations, texts = visitor.at("conversation"), visitor.at("message-text")
    for is_fresh in (False, True):
        expect(conversations).to_have_count(len(SCRIPTS) + 1, timeout=PATIENCE_MS)
        shown: list[str] = conversations.locator("bdi").evaluate_all("all => all.map(one => one.textContent)")
        assert sorted(shown) == sorted([*SCRIPTS, mallory.name])
        visitor.choose(mallory.name)
        expect(texts).to_have_count(len(SCRIPTS), timeout=PATIENCE_MS)
        assert visitor.texts() == SCRIPTS
        if not is_fresh:
            visitor.page.reload()
    made: int = visitor.page.evaluate(MADE)
    for number in range(1, len(SCRIPTS) + 1, 5):
        conversations.nth(number).click()
        expect(visitor.at("peer")).not_to_have_text(mallory.name, timeout=PATIENCE_MS)
        assert visitor.at("peer").evaluate("one => one.textContent") in SCRIPTS
    assert visitor.page.evaluate(MADE) == made == before
    assert visitor.page.evaluate("({}).polluted ?? null") is None


def test_nothing_that_is_typed_or_refused_becomes_code(opened: Callable[[], Person]) -> None:
    visitor = opened()
    visitor.is_at("sign-view")
    before = visitor.page.evaluate(MADE)
    for script in TYPED:
        visitor.fill(script, script)
        assert visitor.page.evaluate(MADE) == before, script
    visitor.register(fresh_name())
    live: int = visitor.page.evaluate(MADE)
    for script in TYPED:
        visitor.at("new-conversation").fill(script)
        visitor.at("new-conversation").press("Enter")
        assert visitor.page.evaluate(MADE) == live, script


def test_no_address_becomes_code(place: tuple[Target, bool], opened: Callable[[], Person]) -> None:
    target, visitor = place[0], opened()
    script = "%3Cscript%3Ehit=1%3C/script%3E%3Cimg%20src=x%20onerror=hit=1%3E"
    for path in (
        f"/#{script}",
        f"/?q={script}&next=javascript:hit=1",
        f"/{script}",
        f"/api/{script}",
        f"/static/{script}",
    ):
        visitor.page.goto(target.door.url + path)
        assert visitor.page.evaluate("window.hit") is None, path
    replies = [target.ask("GET", path) for path in (f"/{script}", f"/api/users/{script}", f"/static/{script}.js")]
    kinds: list[Any] = [reply.headers["content-type"] for reply in replies]
    assert kinds == ["application/problem+json; charset=utf-8"] * 3
    for reply in replies:
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in reply.headers["content-security-policy"]
        assert b"<" not in reply.body
    visitor.complaints.clear()  # the browser says of each that it was not found
    visitor.page.goto(target.door.url)
