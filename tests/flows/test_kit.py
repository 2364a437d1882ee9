"""The pieces of the chat page in a real browser, under the page's own policy, with nobody behind them."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from handlers.pages import POLICY

# Not localhost: as over plain http, where the browser has no clipboard for pages.
ADDRESS = "http://kit.example/"
PHONE = {"viewport": {"width": 360, "height": 640}, "is_mobile": True, "has_touch": True}
WIDE = {"viewport": {"width": 1100, "height": 760}}
PAGE = """<!doctype html><html lang="en"><head><title>Kit</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="theme-color" content="#f4f2ec" media="(prefers-color-scheme: light)" data-for="light">
<meta name="theme-color" content="#11161d" media="(prefers-color-scheme: dark)" data-for="dark">
<link rel="icon" type="image/svg+xml" href="/icon.svg">
<script src="/early.js" nonce="n"></script><link rel="stylesheet" href="/app.css" nonce="n">
<script type="module" src="/kit.js" nonce="n"></script></head><body><div id="recado"></div></body></html>"""
ENTRIES = {"kit.js": "test/pages/kit.js", "early.js": "src/early.js", "app.css": "src/styles/app.css"}

Opens = Callable[..., Page]


@pytest.fixture(scope="module")
def files(web_workshop: Path) -> dict[str, tuple[str, str]]:
    """The files of the page, with their types."""
    made = {"": ("text/html", PAGE), "icon.svg": ("image/svg+xml", (web_workshop / "src/icon.svg").read_text())}
    for name, entry in ENTRIES.items():
        command = [str(web_workshop / "node_modules/.bin/esbuild"), entry, "--bundle", "--charset=utf8"]
        ran = subprocess.run(command, cwd=web_workshop, capture_output=True, text=True, check=True)
        made[name] = ("text/css" if name.endswith("css") else "text/javascript", ran.stdout)
    return made


@pytest.fixture
def opens(chromium: Browser, files: dict[str, tuple[str, str]]) -> Iterator[Opens]:
    """Opens the page; behind the test no error has happened, and nothing was against the policy."""

    def serve(route: Route) -> None:
        kind, body = files[route.request.url.removeprefix(ADDRESS).partition("?")[0]]
        policy = POLICY.format(nonce="n", socket="")
        route.fulfill(body=body, content_type=f"{kind}; charset=utf-8", headers={"content-security-policy": policy})

    complaints: list[str] = []
    with ExitStack() as stack:

        def new(*, query: str = "", theme: str = "light", **options: Any) -> Page:
            context = chromium.new_context(**{**WIDE, "color_scheme": theme, **options})
            stack.callback(context.close)
            context.route(f"{ADDRESS}**", serve)
            page = context.new_page()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
            page.goto(ADDRESS + query)
            expect(page.get_by_test_id("text")).to_be_visible()
            return page

        yield new
        assert complaints == []


@pytest.fixture(scope="module")
def axe(web_workshop: Path) -> str:
    return (web_workshop / "node_modules" / "axe-core" / "axe.min.js").read_text()


def has_focus(page: Page, name: str) -> None:
    expect(page.get_by_test_id(name)).to_be_focused()


def told(page: Page, least: int = 0) -> list[Any]:
    """What the pieces have told since the last time; waits until it is so much."""
    found: list[Any] = page.evaluate(
        """async (least) => {
            while (told.length < least) await new Promise(requestAnimationFrame);
            return told.splice(0);
        }""",
        least,
    )
    return found


def is_inside(page: Page, name: str) -> None:
    """All of it is within the window."""
    box = page.get_by_test_id(name).bounding_box()
    view = page.viewport_size
    assert box
    assert view
    assert box["x"] >= 0, box
    assert box["y"] >= 0, box
    assert box["x"] + box["width"] <= view["width"], box
    assert box["y"] + box["height"] <= view["height"], box


def faults(page: Page, axe: str) -> list[str]:
    page.evaluate(axe)
    found: list[str] = page.evaluate(
        """async (kinds) => (await axe.run({ runOnly: kinds })).violations
        .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 150)}`))""",
        ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    )
    return found


def test_the_menu_does_what_the_keys_say(opens: Opens) -> None:
    page = opens()
    button = page.get_by_test_id("actions-m199")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    has_focus(page, "menu-reply")
    for key, name in (
        *(("ArrowDown", "copy"), ("End", "delete"), ("ArrowDown", "reply"), ("ArrowUp", "delete"), ("Home", "reply")),
        *(("e", "edit"), ("c", "copy"), ("d", "delete"), ("x", "delete")),
    ):
        page.keyboard.press(key)
        has_focus(page, f"menu-{name}")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("menu")).to_have_count(0)
    has_focus(page, "actions-m199")
    assert told(page) == []  # not even what is around has heard of the Escape
    page.keyboard.press("ArrowUp")
    has_focus(page, "menu-delete")
    page.keyboard.press("Enter")
    has_focus(page, "actions-m199")
    assert told(page) == [["delete", "m199"]]
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_test_id("menu")).to_have_count(0)
    has_focus(page, "text")


def test_the_menu_is_whole_wherever_its_button_is_and_goes_with_a_touch_beside(opens: Opens) -> None:
    for options in (WIDE, PHONE):
        page = opens(**options)
        seen = page.locator(".windowed [aria-haspopup=menu]:visible")
        for button in (seen.first, seen.last):
            button.scroll_into_view_if_needed()
            button.click()
            is_inside(page, "menu")
            page.get_by_test_id("aside").click()
            expect(page.get_by_test_id("menu")).to_have_count(0)


def test_the_menu_works_within_a_dialog_and_closes_alone(opens: Opens) -> None:
    page = opens(**PHONE)
    page.get_by_test_id("appearance-open").click()
    page.get_by_test_id("dialog-menu").click()
    is_inside(page, "menu")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("menu")).to_have_count(0)
    expect(page.get_by_test_id("appearance")).to_be_visible()


def test_emoji_are_found_by_keys_and_by_words(opens: Opens) -> None:
    page = opens()
    page.get_by_test_id("emoji-open").click()
    has_focus(page, "emoji-search")
    is_inside(page, "emoji-picker")
    page.keyboard.press("ArrowDown")
    focused = page.locator("[role=gridcell]:focus")
    cells = page.locator("[role=gridcell]")
    for key, at in (("ArrowDown", 8), ("ArrowRight", 9), ("End", 15), ("Home", 8), ("ArrowUp", 0), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert focused.inner_text() == cells.nth(at).inner_text()
        assert page.locator("[role=gridcell][tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("text")).to_have_value("😀")
    page.keyboard.type("coracao")  # a letter in the grid goes on in the search
    has_focus(page, "emoji-search")
    expect(page.get_by_test_id("emoji-search")).to_have_value("coracao")
    expect(cells.first).to_have_text("❤️")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("text")).to_have_value("😀❤️")
    page.keyboard.type("qqq")
    expect(page.get_by_test_id("emoji-status")).to_have_text("0 emoji found")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("emoji-picker")).to_have_count(0)
    has_focus(page, "emoji-open")
    assert told(page) == []
    page.keyboard.press("Enter")  # those used come first now
    assert page.get_by_role("tab", selected=True).get_attribute("aria-label") == "Used last"
    assert cells.all_inner_texts() == ["❤️", "😀"]
    page.get_by_role("tab", selected=True).focus()
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("tab", selected=True).get_attribute("aria-label") == "Symbols and flags"
    page.locator(".windowed").click(position={"x": 5, "y": 5})
    expect(page.get_by_test_id("emoji-picker")).to_have_count(0)


def test_on_a_phone_the_emoji_come_without_the_keyboard(opens: Opens) -> None:
    page = opens(**PHONE)
    page.get_by_test_id("emoji-open").tap()
    expect(page.locator("[role=gridcell]").first).to_be_focused()
    is_inside(page, "emoji-picker")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_test_id("emoji-open").tap()
    expect(page.get_by_test_id("emoji-picker")).to_have_count(0)


def test_what_people_write_is_text_and_links_and_nothing_else(opens: Opens) -> None:
    page = opens()
    found = page.evaluate(
        """[...document.querySelectorAll(".message-text a")]
        .map((link) => [link.textContent, link.href, link.rel, link.target])"""
    )
    rest = ["noopener noreferrer nofollow ugc", "_blank"]
    assert ["https://example.org/a_(b)", "https://example.org/a_(b)", *rest] in found
    assert ["http://münchen.example/ü", "http://xn--mnchen-3ya.example/%C3%BC", *rest] in found
    assert not [text for text, *_ in found if "evil" in text or "javascript" in text]
    assert page.locator(".message-text b").count() == 0
    assert set(page.locator(".message-text .emoji-only").all_inner_texts()) == {"😀🎉"}


def test_a_text_is_copied_where_the_browser_has_no_clipboard_for_pages(opens: Opens) -> None:
    page = opens()
    assert page.evaluate("navigator.clipboard") is None
    page.get_by_test_id("actions-m199").click()
    page.get_by_test_id("menu-copy").click()
    assert told(page, 1) == [["copy", True]]
    has_focus(page, "actions-m199")
    page.get_by_test_id("appearance-open").click()
    page.get_by_test_id("copy-in-dialog").click()
    assert told(page, 1) == [["copy", True]]
    page.get_by_test_id("appearance").press("Escape")
    page.get_by_test_id("text").focus()
    page.keyboard.press("Control+V")
    expect(page.get_by_test_id("text")).to_have_value("from within")


def test_the_look_is_chosen_kept_and_there_before_anything_is_drawn(opens: Opens) -> None:
    page = opens()
    paper = "getComputedStyle(document.body).backgroundColor"
    metas = "[...document.querySelectorAll('meta[name=theme-color]')]"
    meta = f"{metas}.find((one) => matchMedia(one.media).matches).content"
    light, dark = "rgb(244, 242, 236)", "rgb(17, 22, 29)"
    assert page.evaluate(paper) == light
    page.get_by_test_id("appearance-open").click()
    page.get_by_test_id("theme-dark").check()
    assert page.evaluate(paper) == dark
    assert page.evaluate(meta) == "#11161d"
    page.emulate_media(color_scheme="light")
    assert page.evaluate(paper) == dark
    page.get_by_test_id("size-larger").check()
    assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "21px"
    page.get_by_test_id("switch-sound").check()
    assert page.evaluate("Object.entries(localStorage)") == [
        ["recado.look", '{"theme":"dark","size":"larger","sound":true}']
    ]
    # Without the page's own script, what was drawn first has the look already.
    page.route("**/kit.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.reload()
    assert page.evaluate(paper) == dark
    assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "21px"
    page.unroute("**/kit.js")
    page.reload()
    page.get_by_test_id("appearance-open").click()
    expect(page.get_by_test_id("theme-dark")).to_be_checked()
    page.get_by_test_id("theme-system").check()
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(paper) == dark
    page.emulate_media(color_scheme="light")
    assert page.evaluate(paper) == light
    assert page.evaluate(meta) == "#f4f2ec"


def test_what_is_unread_is_drawn_on_the_icon(opens: Opens) -> None:
    page = opens()
    icon = "document.querySelector('link[rel=icon]').href"
    page.evaluate("signs.show({ unread: 3, title: '(3) Recado' })")
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("^data:image/png;base64,"))
    assert page.title() == "(3) Recado"
    page.evaluate("signs.show({ unread: 0, title: 'Recado' })")
    assert page.evaluate(icon) == f"{ADDRESS}icon.svg"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(opens: Opens, axe: str, theme: str) -> None:
    page = opens(theme=theme, bypass_csp=True, query="?lang=pt-BR")
    page.get_by_test_id("actions-m199").click()
    assert faults(page, axe) == []
    page.keyboard.press("Escape")
    page.get_by_test_id("emoji-open").click()
    assert faults(page, axe) == []
    page.keyboard.type("coracao")
    expect(page.locator("[role=tab]")).to_have_count(0)
    assert faults(page, axe) == []
    page.keyboard.press("Escape")
    page.get_by_test_id("appearance-open").click()
    assert re.search("Escuro", page.get_by_test_id("appearance").inner_text())
    assert faults(page, axe) == []
