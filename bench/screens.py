"""`make screens`: pictures of the chat page for the README, into docs/screens/.

    python bench/screens.py              # all of them; needs Chromium, as the tests do
    python bench/screens.py --only wide  # those whose name has this in it

A friendly scene is played on a real server; then each view is taken, in a wide window and on a telephone, in both
themes. Whenever that is, all of it happens at one moment of an afternoon. The pictures have a palette.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pyotp
from playwright.sync_api import Browser, Page, Route, expect

from bench.palette import with_palette
from tests.browser import run_chromium
from tests.flows.person import PASSWORD, PATIENCE_MS
from tests.flows.release import LOOKS, upgrade
from tests.instances import Instance

OUT = Path(__file__).resolve().parents[1] / "docs" / "screens"
WIDE = {"viewport": {"width": 1200, "height": 800}}
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
THEMES = ("light", "dark")
# Before the page's own script: whatever is told of a time, it is this one.
MOMENT = """
const moment = new Date(2026, 4, 14, 15, 42);
const { format } = Object.getOwnPropertyDescriptors(Intl.DateTimeFormat.prototype);
Object.defineProperty(Intl.DateTimeFormat.prototype, "format", {
  get() { return () => format.get.call(this)(moment); },
});
"""
PARTS = (
    *("profile", "appearance", "notices", "devices", "password"),
    *("factors", "blocked", "events", "data"),
)
VIEWS = (
    *("sign-in", "register", "unreachable", "list", "search", "conversation", "menu", "reply", "emoji"),
    *("actions", "timer", "delete", "offline", *PARTS, "codes-from-an-app", "recovery-codes", "proof"),
    *("update", "signed-out", "second-step", "enrolment"),
)
Show = Callable[[str], None]
# Who has an account, and as whom they are known.
PEOPLE = {
    "ana": "Ana Luísa",
    "rui": "Rui Tavares",
    "sofia": "Sofia Prado",
    "tomas": "Tomás",
    "grace": "Grace Okafor",
    "theo": "Theo",
    "kitchen": "The kitchen table",
}
# Sender, recipient, words; oldest first. A number is the line that is answered.
LINES: tuple[tuple[str, str, str] | tuple[str, str, str, int], ...] = (
    ("kitchen", "ana", "Whoever finished the coffee: the shop closes at six."),
    ("theo", "ana", "The photos are in the shared folder."),
    ("grace", "ana", "See you at the station, platform 4."),
    ("ana", "grace", "I'll bring the map."),
    ("tomas", "ana", "Deixei o recado com a vizinha do 2º andar."),
    ("ana", "tomas", "Obrigada! Passo lá mais tarde."),
    ("sofia", "ana", "Bom dia! O ensaio mudou para quinta, às 19h."),
    ("rui", "ana", "Oi, Ana! Did the letter from the archive arrive?"),
    ("ana", "rui", "It did, this morning. Twelve pages, all in your grandfather's hand ✍️"),
    ("ana", "rui", "There is a drawing of the house on the last one."),
    ("rui", "ana", "😮🎉"),
    ("rui", "ana", "Can you scan it? The family page is here: https://tavares.example/casa", 9),
    ("ana", "rui", "Amanhã cedo. The scanner at the library opens at nine."),
    ("rui", "ana", "Combinado. I'll tell my mother, she has waited for this for years."),
    ("sofia", "ana", "E traga as partituras, por favor 🎶"),
    ("rui", "ana", "And thank you. Really."),
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--only", default="", help="only pictures whose name has this in it")
    made.add_argument("--out", type=Path, default=OUT, help="folder of the pictures (default: docs/screens)")
    return made


def play(server: Instance) -> None:
    """Everybody's accounts, names and messages."""
    tokens: dict[str, str] = {}
    for name in PEOPLE:
        server.register(name)
        account = {"username": name, "password": PASSWORD, "device": "Firefox, Android"}
        tokens[name] = server.call("POST", "/api/auth/login/", account).json["access"]

    def call(name: str, method: str, path: str, body: object = None) -> dict[str, object]:
        reply = server.call(method, path, body, token=tokens[name])
        assert reply.status < 300, reply
        said: dict[str, object] = reply.json if reply.body else {}
        return said

    for name, known in PEOPLE.items():
        call(name, "PATCH", "/api/users/me/", {"display_name": known})
    ids: list[object] = []
    for sender, recipient, content, *answered in LINES:
        reply_to = {"reply_to": ids[answered[0]]} if answered else {}
        said = call(sender, "POST", "/api/auth/send/", {"recipient": recipient, "content": content, **reply_to})
        ids.append(said["id"])
    for peer, upto in (("rui", 13), ("grace", 2), ("tomas", 4), ("theo", 1)):
        call("ana", "POST", f"/api/conversations/{peer}/read/", {"up_to": ids[upto]})
    call("rui", "POST", "/api/conversations/ana/read/", {"up_to": ids[12]})
    call("ana", "PUT", "/api/mutes/kitchen/")
    call("ana", "PATCH", "/api/conversations/rui/", {"ttl_seconds": 604_800})


def settled(page: Page) -> None:
    """What was asked for is drawn, and what follows from its size as well."""
    page.mouse.move(0, 0)  # nothing looks hovered
    page.evaluate("document.fonts.ready.then(() => new Promise((done) => setTimeout(done, 250)))")


def sign_in(page: Page) -> None:
    """As Ana, until all is there."""
    fill_in(page, "ana")
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("conversation")).to_have_count(len(PEOPLE) - 1, timeout=PATIENCE_MS)


def fill_in(page: Page, name: str) -> None:
    """The form that is shown."""
    page.get_by_test_id("username").fill(name)
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()


def show_part(page: Page, part: str, *, on_phone: bool) -> None:
    """This part of the settings."""
    if not page.get_by_test_id("settings").count():
        page.get_by_test_id("settings-open").click()
    elif on_phone:
        page.get_by_test_id("settings-back").click()
    page.get_by_test_id(f"settings-{part}").click()
    expect(page.locator(".settings-part [role=status]:not(:empty)")).to_have_count(0, timeout=PATIENCE_MS)


def story(page: Page, show: Show, server: Instance, *, on_phone: bool) -> None:
    """Every view in turn, as somebody comes to it."""
    at_the_door(page, show)
    sign_in(page)
    show("list")
    page.get_by_test_id("new-conversation").fill("theo")
    expect(page.get_by_test_id("name-check")).to_have_attribute("data-state", "exists", timeout=PATIENCE_MS)
    show("search")
    page.keyboard.press("Escape")
    page.get_by_test_id("conversation").filter(has_text="rui").click()
    expect(page.get_by_test_id("message-text").last).to_be_visible(timeout=PATIENCE_MS)
    show("conversation")
    in_conversation(page, show)
    if on_phone:
        page.get_by_test_id("back").click()
    for part in PARTS:
        show_part(page, part, on_phone=on_phone)
        show(part)
    factors(page, show, on_phone=on_phone)
    upgrade(server)
    page.evaluate(LOOKS)
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("update")).to_be_visible(timeout=PATIENCE_MS)
    show("update")
    page.get_by_test_id("sign-out").click()
    expect(page.get_by_test_id("sign-view")).to_be_visible()
    show("signed-out")
    fill_in(page, "ana")
    expect(page.get_by_test_id("code")).to_be_visible()
    show("second-step")


def at_the_door(page: Page, show: Show) -> None:
    """Before anybody is signed in."""
    expect(page.get_by_test_id("sign-view")).to_be_visible(timeout=PATIENCE_MS)
    show("sign-in")
    page.get_by_test_id("tab-register").click()
    page.get_by_test_id("username").fill("ana")
    expect(page.get_by_test_id("name-check")).to_have_attribute("data-state", "taken", timeout=PATIENCE_MS)
    show("register")
    page.route("**/api/**", lambda route: route.abort())
    page.reload()
    expect(page.get_by_test_id("unreachable")).to_be_visible(timeout=PATIENCE_MS)
    show("unreachable")
    page.unroute("**/api/**")
    page.get_by_test_id("unreachable").get_by_role("button").click()


def in_conversation(page: Page, show: Show) -> None:
    """What can be done with a message and with all of them, with a network and without."""
    letter = page.get_by_test_id("message").filter(has_text="There is a drawing")
    letter.first.get_by_test_id("message-menu").click()
    show("menu")
    page.get_by_test_id("menu-reply").click()
    page.get_by_test_id("composer").fill("And the garden, with the old fig tree…")
    show("reply")
    page.get_by_test_id("writing-cancel").click()
    page.get_by_test_id("composer").fill("")
    page.get_by_test_id("emoji-open").click()
    show("emoji")
    page.keyboard.press("Escape")
    page.get_by_test_id("thread-menu").click()
    show("actions")
    page.get_by_test_id("menu-timer").click()
    show("timer")
    page.keyboard.press("Escape")
    page.get_by_test_id("thread-menu").click()
    page.get_by_test_id("menu-delete").click()
    show("delete")
    page.get_by_test_id("confirm-no").click()
    page.context.set_offline(True)
    expect(page.get_by_test_id("banner")).to_have_attribute("data-state", "offline", timeout=PATIENCE_MS)
    page.get_by_test_id("composer").fill("I am on the train, this goes out later.")
    page.get_by_test_id("send").click()
    expect(page.get_by_test_id("message").last).to_have_attribute("data-state", "sending")
    show("offline")
    page.context.set_offline(False)
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)


def factors(page: Page, show: Show, *, on_phone: bool) -> None:
    """A second step is set up; then somebody is asked who they are."""
    show_part(page, "factors", on_phone=on_phone)
    page.get_by_test_id("totp-add").click()
    secret = page.get_by_test_id("totp-secret").get_attribute("data-secret")
    assert secret
    show("codes-from-an-app")
    page.get_by_test_id("totp-code").fill(pyotp.TOTP(secret).now())
    page.get_by_test_id("totp-confirm").click()
    expect(page.get_by_test_id("recovery-code").first).to_be_visible()
    show("recovery-codes")
    page.get_by_test_id("codes-kept").click()
    show_part(page, "devices", on_phone=on_phone)
    page.route("**/api/auth/logout/everywhere/", ask_again)
    page.get_by_test_id("end-all").click()
    expect(page.get_by_test_id("proof-password")).to_be_visible()
    show("proof")
    page.get_by_test_id("proof-cancel").click()
    page.get_by_test_id("settings-close").click()


def enrolment(page: Page, show: Show) -> None:
    """Where a second step is required."""
    page.get_by_test_id("tab-register").click()
    fill_in(page, "ana")
    expect(page.get_by_test_id("enrol-view")).to_be_visible()
    expect(page.get_by_test_id("passkey-add")).to_be_visible()
    show("enrolment")


def ask_again(route: Route) -> None:
    """The sign-in was long ago."""
    said = {"title": "Forbidden", "status": 403, "detail": "Prove again who you are.", "code": "step_up_required"}
    route.fulfill(status=403, content_type="application/problem+json", body=json.dumps(said))


@contextmanager
def running(**settings: str) -> Iterator[Instance]:
    """A server with nothing in it."""
    with tempfile.TemporaryDirectory() as home, Instance(Path(home), settings=settings) as server:
        yield server


@contextmanager
def opened(browser: Browser, server: Instance, theme: str, **options: object) -> Iterator[Page]:
    """A page of Ana's, in this theme."""
    kept: dict[str, object] = {"color_scheme": theme, "reduced_motion": "reduce", "locale": "en-GB", **options}
    context = browser.new_context(**kept)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.add_init_script(MOMENT)
    page.goto(server.url)
    try:
        yield page
    finally:
        context.close()


def pictures(browser: Browser, only: str) -> Iterator[tuple[str, bytes]]:
    """Name and PNG of each."""
    for size, options in (("wide", WIDE), ("phone", PHONE)):
        for theme in THEMES:
            end = f"{size}-{theme}"
            if only and not any(only in f"{one}-{end}" for one in VIEWS):
                continue
            taken: list[tuple[str, bytes]] = []
            with running() as server:
                play(server)
                with opened(browser, server, theme, **options) as page:
                    story(page, partial(take, page, taken, end), server, on_phone=size == "phone")
            required = running(RECADO_AUTH_SECOND_FACTOR="required")
            with required as server, opened(browser, server, theme, **options) as page:
                enrolment(page, partial(take, page, taken, end))
            yield from ((name, png) for name, png in taken if only in name)


def take(page: Page, taken: list[tuple[str, bytes]], end: str, view: str) -> None:
    """One more picture."""
    assert view in VIEWS, view
    settled(page)
    taken.append((f"{view}-{end}", page.screenshot(caret="hide")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures."""
    chosen = parser().parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for browser in run_chromium(whole=True):
        for name, png in pictures(browser, chosen.only):
            path = chosen.out / f"{name}.png"
            path.write_bytes(with_palette(png))
            print(f"{path.stat().st_size:7,}  {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
