"""Every view and state of the page is open to all: axe-core, text of 200 %, 320 px, no motion for who wants none."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser, Route, expect

from tests.flows.person import PATIENCE_MS, Person, comes_to, person
from tests.flows.release import LOOKS, upgrade
from tests.flows.scene import LONGEST, WIDEST, Line, Scene, of_every_state, settle
from tests.instances import Instance

WIDE, PHONE, NARROW = (1200, 800), (360, 740), (320, 640)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Which theme in a wide window, and which on a telephone.
THEMES = {"en": ("light", "dark"), "pt-BR": ("dark", "light")}
AXE = """async (tags) => (await axe.run(document, { runOnly: tags, resultTypes: ["violations"] })).violations
  .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`))"""
# Whoever is shown a part of these has the whole elsewhere: in the head of the conversation, in the message itself. Of a
# display name, which may have 64 characters, there are four lines.
MAY_BE_CUT = ".conversation-name, .conversation-last, .quote-text, .side-me bdi, .thread-display"
CUT = """(mayBeCut) => {
  const told = (what, element) => `${what}: ${element.outerHTML.slice(0, 150)}`;
  const found = document.documentElement.scrollWidth > innerWidth ? ["the page scrolls sideways"] : [];
  const ground = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document.body;
  for (const element of ground.querySelectorAll("*")) {
    if (!element.checkVisibility() || element.closest(`.unseen, .skip, svg, input, select, ${mayBeCut}`)) continue;
    const { left, right, width } = element.getBoundingClientRect();
    if (width > 0 && (left < -1 || right > innerWidth + 1)) found.push(told("sticks out", element));
    const { clientWidth, clientHeight, scrollWidth, scrollHeight } = element;
    if (clientWidth > 0 && scrollWidth > clientWidth + 1) found.push(told("has no room", element));
    const { overflowY } = getComputedStyle(element);
    if (overflowY === "hidden" && scrollHeight > clientHeight + 1) found.push(told("is cut", element));
  }
  return found;
}"""
# Somebody who goes on typing, for as long as their page is open.
TYPES = """setInterval(() =>
  document.getElementById("composer").dispatchEvent(new InputEvent("input", { bubbles: true })), 1_000)"""


class Judge:
    """Looks at what is shown in every theme and width, and keeps what is wrong."""

    def __init__(self, who: Person, axe: str, language: str) -> None:
        self.who = who
        self.themes = THEMES[language]
        self.axe = axe
        self.faults: list[str] = []

    def sees(self, where: str) -> None:
        """All that can be wrong with this state of the page: in one language light when wide, in the other dark."""
        for size, theme in zip((WIDE, PHONE), self.themes, strict=True):
            self.show(size, theme)
            self._axe(f"{where}, {size[0]} px, {theme}")
        self.show(NARROW, "light")
        self._whole(f"{where}, {NARROW[0]} px")
        self.show(WIDE, "light", text="200%")
        self._whole(f"{where}, text at 200 %")
        self.show(WIDE, self.themes[0])

    def show(self, size: tuple[int, int], theme: str, text: str = "") -> None:
        """This theme in a window of this size, once it is drawn."""
        self.who.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.who.page.evaluate(
            """([theme, text]) => {
                document.documentElement.dataset.theme = theme;
                document.documentElement.style.fontSize = text;
            }""",
            [theme, text],
        )
        settle(self.who)

    def _axe(self, where: str) -> None:
        if not self.who.page.evaluate("'axe' in window"):
            self.who.page.evaluate(self.axe)
        self.faults += [f"{where}: {fault}" for fault in self.who.page.evaluate(AXE, TAGS)]

    def _whole(self, where: str) -> None:
        self.faults += [f"{where}: {fault}" for fault in self.who.page.evaluate(CUT, MAY_BE_CUT)]


@pytest.fixture(scope="module")
def axe(web_workshop: Path) -> str:
    """The source of axe-core, as the lock file has it."""
    return (web_workshop / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(params=["en", "pt-BR"])
def language(request: pytest.FixtureRequest) -> str:
    """Each language of the page."""
    chosen: str = request.param
    return chosen


def refuse(route: Route) -> None:
    """No answer."""
    route.abort()


def ask_again(route: Route) -> None:
    """The sign-in was long ago."""
    said = {"title": "Forbidden", "status": 403, "detail": "Prove again who you are.", "code": "step_up_required"}
    route.fulfill(status=403, content_type="application/problem+json", body=json.dumps(said))


@contextmanager
def judged(chromium: Browser, instance: Instance, axe: str, language: str, **options: Any) -> Iterator[Judge]:
    """Somebody at the page whose every look is judged; behind it nothing was wrong."""
    with person(chromium, instance, locale=language, reduced_motion="reduce", **options) as who:
        judge = Judge(who, axe, language)
        yield judge
    assert not judge.faults, "\n".join(judge.faults)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """One running Recado that tells who is there."""
    with Instance(tmp_path, settings={"RECADO_WEBSOCKET_PRESENCE": "true"}) as running:
        yield running


def test_everything_before_the_chat(chromium: Browser, instance: Instance, axe: str, language: str) -> None:
    token = instance.join("alice")
    secret = instance.call("POST", "/api/auth/totp/", token=token).json["secret"]
    instance.call("POST", "/api/auth/totp/confirm/", {"otp": pyotp.TOTP(secret).now()}, token=token)
    with judged(chromium, instance, axe, language) as judge:
        who = judge.who
        who.is_at("sign-view")
        judge.sees("sign-in")
        who.fill("alice", "wrong password")
        expect(who.at("sign-error")).not_to_be_empty()
        judge.sees("a wrong password")
        who.at("tab-register").click()
        judge.sees("registering")
        who.at("username").fill("alice")
        who.sees("name-check", state="taken")
        who.at("password").fill("short")
        who.at("submit").click()
        expect(who.at("password-error")).to_be_visible()
        judge.sees("registering with faults")
        who.at("username").fill("nobody.yet")
        who.sees("name-check", state="free")
        judge.sees("a free name")
        who.at("tab-sign-in").click()
        who.fill("alice")
        expect(who.at("code")).to_be_visible()
        judge.sees("second step")
        who.at("code").fill("000000")
        who.at("submit").click()
        expect(who.at("code-error")).to_be_visible()
        judge.sees("second step with a wrong code")
        who.at("other-code").click()
        judge.sees("recovery code")
        who.context.route("**/api/**", refuse)
        who.page.reload()
        who.is_at("unreachable")
        judge.sees("unreachable")


def test_enrolment(chromium: Browser, tmp_path: Path, axe: str, language: str) -> None:
    with Instance(tmp_path, settings={"RECADO_AUTH_SECOND_FACTOR": "required"}) as instance:
        instance.register("alice")
        with judged(chromium, instance, axe, language) as judge:
            judge.who.fill("alice")
            judge.who.is_at("enrol-view")
            expect(judge.who.at("passkey-add")).to_be_visible()
            judge.sees("enrolment")


def test_the_list(chromium: Browser, instance: Instance, axe: str, language: str) -> None:
    Scene(instance)
    instance.register("nina")
    with judged(chromium, instance, axe, language) as judge, person(chromium, instance) as bob:
        who = judge.who
        who.sign_in("nina")
        who.is_at("list-empty")
        judge.sees("an empty list")
        who.at("new-conversation").fill("nobody")
        who.sees("name-check", state="missing")
        judge.sees("nobody of this name")
        who.at("new-conversation").fill("alice")
        who.sees("name-check", state="exists")
        judge.sees("somebody of this name")
        who.at("sign-out").click()
        expect(who.at("notice")).not_to_be_empty()
        judge.sees("signed out")

        who.sign_in("alice")
        who.open("carol")
        judge.sees("an empty conversation")
        who.at("composer").fill("A draft")
        who.open("alice")
        judge.sees("a note to oneself")
        who.page.keyboard.press("Escape")
        bob.sign_in("bob")
        bob.open("alice")
        expect(who.at("online")).to_be_visible()
        judge.sees("the list with a draft, unread, muted and online")
        bob.page.evaluate(TYPES)
        who.choose("bob")
        judge.sees("somebody types")
        for name in (LONGEST, WIDEST):
            who.choose(name)
            judge.sees("the longest names")


def test_the_conversation(chromium: Browser, instance: Instance, axe: str, language: str) -> None:
    Scene(instance)
    with judged(chromium, instance, axe, language) as judge:
        who = judge.who
        Line(who.context)
        who.page.reload()
        who.sign_in("alice")
        who.choose("bob")
        expect(who.at("unread-line")).to_be_visible()
        judge.sees("unread")
        of_every_state(who)
        judge.sees("failed, sending and all that was before")
        who.at("message-list").evaluate("(list) => (list.scrollTop = 0)")
        expect(who.at("jump")).to_be_visible()
        judge.sees("the beginning")
        who.at("jump").click()

        mine = who.page.locator("[data-testid=message][data-mine=true]").filter(has_text="Read by you")
        for action, then in (("", "the menu of a message"), ("reply", "an answer"), ("edit", "an edit")):
            mine.get_by_test_id("message-menu").click()
            if action:
                who.at(f"menu-{action}").click()
            judge.sees(then)
            who.page.keyboard.press("Escape")
        mine.get_by_test_id("message-menu").click()
        who.at("menu-delete").click()
        judge.sees("a message is to be deleted")
        who.page.keyboard.press("Escape")

        who.at("composer").fill("x" * 16_000)
        judge.sees("few characters left")
        who.at("composer").fill("x" * 16_400)
        judge.sees("too many characters")
        who.at("composer").fill("")
        who.at("lasting").click()
        judge.sees("how long this message lasts")
        who.page.keyboard.press("Escape")

        who.at("emoji-open").click()
        judge.sees("emoji")
        who.at("emoji-search").fill("co")
        judge.sees("emoji found")
        who.at("emoji-search").fill("qqqq")
        judge.sees("no emoji found")
        who.page.keyboard.press("Escape")

        who.at("thread-menu").click()
        judge.sees("the menu of the conversation")
        for action in ("timer", "block", "delete"):
            if action != "timer":
                who.at("thread-menu").click()
            who.at(f"menu-{action}").click()
            expect(who.page.locator("dialog")).to_be_visible()
            judge.sees(f"a question: {action}")
            who.page.keyboard.press("Escape")


def test_trouble(chromium: Browser, instance: Instance, axe: str, language: str) -> None:
    scene = Scene(instance)
    with judged(chromium, instance, axe, language) as judge:
        who = judge.who
        line = Line(who.context)
        who.page.reload()
        who.sign_in("alice")
        who.choose("dave")

        who.page.route("**/api/mutes/**", refuse)
        who.at("thread-menu").click()
        who.at("menu-mute").click()
        expect(who.at("toast-close")).to_be_visible()
        judge.sees("what was asked for failed")
        who.at("toast-close").click()
        instance.sign_in("alice")
        expect(who.at("toast-more")).to_be_visible(timeout=PATIENCE_MS)
        judge.sees("somebody signed in elsewhere")
        who.at("toast-close").click()
        scene.call("alice", "PUT", "/api/blocks/dave/")
        who.page.reload()
        who.is_live()
        who.page.route("**/api/auth/messages/**", refuse)
        who.open(LONGEST)
        judge.sees("a conversation that could not be loaded")
        line.lose()
        expect(who.at("banner")).to_be_visible(timeout=PATIENCE_MS)
        judge.sees("connecting anew")
        who.context.set_offline(True)
        expect(who.at("banner")).to_have_attribute("data-state", "offline")
        judge.sees("without a network")


def test_a_newer_version(chromium: Browser, instance: Instance, axe: str, language: str) -> None:
    Scene(instance)
    with judged(chromium, instance, axe, language) as judge:
        who = judge.who
        who.sign_in("alice")
        who.choose("bob")
        comes_to(who.page, "() => navigator.serviceWorker.controller !== null")
        upgrade(instance)
        who.page.evaluate(LOOKS)
        who.is_at("update")
        who.is_live()
        judge.sees("a newer version")


def test_the_settings(chromium: Browser, instance: Instance, axe: str, language: str) -> None:
    scene = Scene(instance)
    for name in ("carol", LONGEST, WIDEST):
        scene.call("alice", "PUT", f"/api/blocks/{name}/")
    with judged(chromium, instance, axe, language) as judge:
        who = judge.who
        who.sign_in("alice")
        who.open("carol")
        expect(who.at("presence")).not_to_be_empty()
        judge.sees("somebody who is blocked")
        who.at("settings-open").click()
        menu = who.page.locator(".settings-menu button")
        for part in menu.all():
            part.click()
            expect(part).to_have_attribute("aria-current", "true")
            expect(who.page.locator(".settings-part [role=status]:not(:empty)")).to_have_count(0)
            judge.sees(f"settings: {part.text_content()}")
        judge.show(PHONE, "light")
        who.at("settings-back").click()
        judge.sees("the parts of the settings")
        who.at("settings-devices").click()
        who.page.route("**/api/auth/logout/everywhere/", ask_again)
        who.at("end-all").click()
        expect(who.at("proof-password")).to_be_visible()
        judge.sees("the question of who is there")


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ("delete globalThis.PushManager;", "unsupported"),
        ("Object.defineProperty(Notification, 'permission', { get: () => 'denied' });", "denied"),
    ],
    ids=["unsupported", "denied"],
)
def test_what_is_asked_for_and_cannot_be(
    chromium: Browser, instance: Instance, axe: str, language: str, given: str, state: str
) -> None:
    Scene(instance)
    with judged(chromium, instance, axe, language) as judge:
        who = judge.who
        who.page.add_init_script(given)
        who.page.reload()
        who.sign_in("alice")
        who.at("settings-open").click()
        who.at("settings-notices").click()
        expect(who.at("push")).to_have_attribute("data-state", state)
        judge.sees(f"notifications: {state}")
        judge.show(WIDE, "light")
        who.at("settings-factors").click()
        who.at("totp-add").click()
        expect(who.at("totp-secret")).to_be_visible()
        judge.sees("codes from an app are set up")


def test_nothing_moves_for_who_wants_no_motion(chromium: Browser, instance: Instance) -> None:
    moving = """[...document.querySelectorAll("*")].map((one) => getComputedStyle(one)).filter((style) =>
        parseFloat(style.transitionDuration) > 0 || style.animationName !== "none" ||
        style.scrollBehavior === "smooth").length"""
    Scene(instance)
    for wanted, some in (("reduce", False), ("no-preference", True)):
        with person(chromium, instance, reduced_motion=wanted) as who:
            who.sign_in("alice")
            who.choose("bob")
            who.at("settings-open").click()
            who.at("settings-appearance").click()
            assert (who.page.evaluate(moving) > 0) is some
