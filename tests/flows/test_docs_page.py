"""The page for developers in a real browser: on a telephone and wide, light and dark, by keyboard, without a script."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.flows.person import WATCH_POLICY
from tests.instances import Instance

PHONE = ViewportSize(width=360, height=740)
WIDE = ViewportSize(width=1280, height=900)

# Elements that stick out of the screen, less what scrolls inside a box of its own or is only heard.
STICKING_OUT = """() => [...document.querySelectorAll("body *")]
  .filter((node) => !node.closest("pre, thead") && node.getBoundingClientRect().right > innerWidth + 1)
  .map((node) => node.outerHTML.slice(0, 80))"""
# The lowest contrast (WCAG 2.2 §1.4.3) of any text with what lies behind it.
LEAST_CONTRAST = """() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = parts(color).map((value) => linear(value / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    while (node && (parts(getComputedStyle(node).backgroundColor)[3] ?? 1) === 0) node = node.parentElement;
    return getComputedStyle(node ?? document.body).backgroundColor;
  };
  let least = 21;
  for (const node of document.querySelectorAll("body *")) {
    if (![...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim())) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((x, y) => y - x);
    least = Math.min(least, (a + 0.05) / (b + 0.05));
  }
  return least;
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with Instance(tmp_path_factory.mktemp("docs")) as running:
        yield running


def opened(browser: Browser, server: Instance, size: ViewportSize, scheme: str) -> tuple[Page, list[str]]:
    """The page, and whatever it did that it should not."""
    context = browser.new_context(viewport=size, color_scheme=scheme)
    complaints: list[str] = []
    context.expose_binding("__recado_violation", lambda _, told: complaints.append(told))
    context.add_init_script(WATCH_POLICY)
    context.on("console", lambda message: complaints.append(message.text))
    context.on("request", lambda request: request.url.startswith(server.url) or complaints.append(request.url))
    page = context.new_page()
    page.goto(f"{server.url}/api/docs/")
    return page, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
def test_it_can_be_read_and_nothing_breaks_its_policy(
    chromium: Browser, server: Instance, size: ViewportSize, scheme: str
) -> None:
    page, complaints = opened(chromium, server, size, scheme)
    assert page.evaluate(STICKING_OUT) == []
    assert page.evaluate(LEAST_CONTRAST) >= 4.5
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    expect(page.get_by_role("heading", level=1)).to_have_text("Recado: the contract")
    assert complaints == []
    page.context.close()


def test_light_and_dark_are_two(chromium: Browser, server: Instance) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        page, _ = opened(chromium, server, WIDE, scheme)
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.context.close()
    assert len(grounds) == 2


def test_the_keyboard_reaches_the_contract_at_once(chromium: Browser, server: Instance) -> None:
    page, _ = opened(chromium, server, WIDE, "light")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the contract")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    page.context.close()


def test_those_who_hear_it_find_landmarks_and_tables(chromium: Browser, server: Instance) -> None:
    page, _ = opened(chromium, server, PHONE, "light")
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    expect(page.get_by_role("navigation", name="Contents")).to_have_count(1)
    for name in ("Errors", "Errors of fields", "Close codes"):
        table = page.get_by_role("table", name=name, exact=True)
        expect(table).to_have_count(1)
        expect(table.get_by_role("columnheader").last).to_have_text("what now")
    page.get_by_role("link", name="Close codes").click()
    expect(page).to_have_url(re.compile("#close-codes$"))
    page.context.close()
