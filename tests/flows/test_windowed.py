"""The windowed list of the chat page in a real browser: 10,000 rows of any height, and the eye's place is kept."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.instances import ROOT

ROWS = 10_000
STYLE = """
* { box-sizing: border-box; }
body, ol { margin: 0; padding: 0; }
#root { height: 600px; width: 400px; }
.windowed { padding-block: 12px; }
.inside { margin-block: 3px; border: 1px solid; overflow: hidden; }
"""


@pytest.fixture(scope="module")
def bundle(web_workshop: Path) -> str:
    """The list with a page around it, as one script."""
    command = [str(web_workshop / "node_modules/.bin/esbuild"), "test/pages/windowed.js", "--bundle", "--format=iife"]
    return subprocess.run(command, cwd=web_workshop, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def page(chromium: Browser, bundle: str) -> Iterator[Page]:
    """The list with its rows, at their end; behind the test no error has happened."""
    context = chromium.new_context(viewport={"width": 800, "height": 700})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    style = (ROOT / "web" / "src" / "styles" / "windowed.css").read_text() + STYLE
    opened.set_content(f'<!doctype html><style>{style}</style><div id="root"></div>')
    opened.evaluate("window.loops = 0; addEventListener('error', () => { loops += 1 })")
    opened.add_script_tag(content=bundle)
    opened.evaluate("(count) => list.begin(count)", ROWS)
    yield opened
    assert errors == []
    assert opened.evaluate("loops") == 0, "the observer was told of sizes too late"
    context.close()


def do(page: Page, what: str, argument: Any = None) -> Any:
    return page.evaluate(f"async (argument) => {what}", argument)


def reading(page: Page, share: float = 0.5) -> str:
    """Scroll into the middle; the key of a whole row that is seen there and can be held on to."""
    do(page, f"list.scrollTo(list.box().scrollHeight * {share})")
    is_whole(page)
    found: str = do(page, "list.seenRows().keys.slice(1).find((key) => Number(key.slice(1)) % 7)")
    return found


def is_whole(page: Page) -> None:
    """What is seen has no gap and no overlap, fills the box, and is all that is drawn but for a little."""
    seen = do(page, "list.seenRows()")
    assert seen["whole"], seen
    assert seen["full"], seen
    assert do(page, "list.drawnRows().length") < 100


def test_only_what_is_seen_is_drawn_and_the_list_begins_at_its_end(page: Page) -> None:
    is_whole(page)
    assert do(page, "list.fromEnd()") == 0
    assert do(page, "list.seenRows().keys.at(-1) === list.keyAt(9999)")
    assert do(page, "list.api.current.atBottom.value") is True
    last = page.locator("[data-row]").last
    assert (last.get_attribute("aria-setsize"), last.get_attribute("aria-posinset")) == ("10000", "10000")


def test_a_way_through_the_whole_list_sees_no_gap_and_draws_little(page: Page) -> None:
    for step in range(40):
        do(page, f"list.scrollTo(list.box().scrollHeight * {1 - step / 40})")
        is_whole(page)
    # Upwards by the wheel's steps, over rows that were never measured: what is seen moves by as much as was scrolled.
    key = reading(page, 0.33)
    for _ in range(30):
        before = do(page, "list.topOf(argument)", key)
        do(page, "list.scrollTo(list.box().scrollTop - 90)")
        is_whole(page)
        assert do(page, "list.topOf(argument)", key) == before + 90
        key = do(page, "list.seenRows().keys.slice(1).find((key) => Number(key.slice(1)) % 7)")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_rows_on_top_leave_what_is_read_at_the_same_pixel(page: Page, share: float) -> None:
    key = reading(page, share)
    before = do(page, "list.topOf(argument)", key)
    do(page, "list.prepend(50)")
    assert do(page, "list.topOf(argument)", key) == before
    is_whole(page)


def test_rows_that_are_not_held_on_to_do_not_hold_the_place(page: Page) -> None:
    do(page, "list.scrollTo(0)")
    key = do(page, "list.keyAt(1)")
    before = do(page, "list.topOf(argument)", key)
    do(page, "list.insert(50)")
    assert do(page, "list.topOf(argument)", key) == before
    is_whole(page)


def test_rows_below_do_not_move_what_is_read_and_follow_at_the_end(page: Page) -> None:
    key = reading(page)
    before = do(page, "list.topOf(argument)", key)
    do(page, "list.append(5)")
    assert do(page, "list.topOf(argument)", key) == before
    assert do(page, "list.api.current.atBottom.value") is False
    do(page, "list.api.current.toBottom()")
    do(page, "list.still()")
    assert do(page, "list.fromEnd()") == 0
    do(page, "list.append(3)")
    assert do(page, "list.fromEnd()") == 0
    assert do(page, "list.seenRows().keys.at(-1) === list.keyAt(10007)")
    is_whole(page)


def test_a_row_that_grows_above_or_at_the_end_moves_nothing_that_is_read(page: Page) -> None:
    key = reading(page)
    before = do(page, "list.topOf(argument)", key)
    above = do(page, "list.keyAt(list.indexOf(argument) - 3)", key)
    assert do(page, "list.topOf(argument)", above) < 0
    for height in (400, 30):
        do(page, "list.grow(...argument)", [above, height])
        assert do(page, "list.topOf(argument)", key) == before
    # Rows that shrink make room for others, which are drawn, measured and watched while the observer still tells.
    page.evaluate("async () => { for (const key of list.drawnRows()) list.grow(key, 24); await list.still() }")
    is_whole(page)
    do(page, "list.api.current.toBottom()")
    do(page, "list.still()")
    do(page, "list.grow(list.keyAt(9999), 350)")
    assert do(page, "list.fromEnd()") == 0


def test_a_row_that_is_removed_leaves_the_next_one_where_it_was(page: Page) -> None:
    reading(page)
    held, after = do(
        page, "list.seenRows().keys.filter((key) => Number(key.slice(1)) % 7 && list.topOf(key) >= 0).slice(0, 2)"
    )
    before = do(page, "list.topOf(argument)", after)
    far_above = do(page, "list.keyAt(list.indexOf(argument) - 40)", held)
    for gone in (far_above, held):
        do(page, "list.remove(argument)", gone)
        assert do(page, "list.topOf(argument)", after) == before
        is_whole(page)


def test_another_size_of_the_box_keeps_the_place(page: Page) -> None:
    key = reading(page)
    before = do(page, "list.topOf(argument)", key)
    for height, width in (("320px", "400px"), ("600px", "250px"), ("600px", "400px")):
        size = {"height": height, "width": width}
        page.evaluate("async (size) => { Object.assign(root.style, size); await list.still() }", size)
        assert do(page, "list.topOf(argument)", key) == before
    do(page, "list.api.current.toBottom()")
    for shorter in ("280px", "600px"):  # a phone's keyboard comes and goes
        page.evaluate("async (height) => { root.style.height = height; await list.still() }", shorter)
        assert do(page, "list.fromEnd()") == 0
        is_whole(page)
    for shorter in ("280px", "600px"):  # and a message comes at the same moment
        page.evaluate("async (height) => { root.style.height = height; await list.append(1) }", shorter)
        assert do(page, "list.fromEnd()") == 0


def test_a_box_that_was_hidden_comes_back_where_it_was(page: Page) -> None:
    key = reading(page)
    before = do(page, "list.topOf(argument)", key)
    page.evaluate("async () => { root.style.display = 'none'; await list.frame(); await list.frame(); }")
    page.evaluate("() => { list.appended = list.append(2) }")
    page.evaluate("async () => { root.style.display = ''; await list.still() }")
    assert do(page, "list.topOf(argument)", key) == before
    is_whole(page)


def test_a_row_is_brought_into_view_from_afar(page: Page) -> None:
    for index in (17, 5000, 9990, 0):
        key = do(page, "list.keyAt(argument)", index)
        assert do(page, "list.api.current.toKey(argument)", key) is True
        do(page, "list.still()")
        assert do(page, "list.api.current.isSeen(argument)", key) is True
        is_whole(page)
    key = do(page, "list.keyAt(5000)")
    do(page, "list.api.current.toKey(argument, { align: 'start' })", key)
    do(page, "list.still()")
    assert do(page, "list.topOf(argument)", key) == 0
    key = do(page, "list.keyAt(2500)")
    do(page, "list.api.current.toKey(argument, { align: 'center', focus: true })", key)
    do(page, "list.still()")
    middle, height = page.evaluate(
        "(key) => [list.topOf(key), document.querySelector(`[data-row='${key}']`).offsetHeight]", key
    )
    assert abs(middle + height / 2 - 300) <= 1
    assert page.evaluate("document.activeElement.dataset.row") == key
    assert do(page, "list.api.current.toKey('nobody')") is False
    assert do(page, "list.api.current.isSeen(list.keyAt(0))") is False


def test_a_row_with_the_focus_stays_drawn_and_in_its_order(page: Page) -> None:
    key = reading(page)
    page.evaluate("(key) => document.querySelector(`[data-key='${key}']`).focus({ preventScroll: true })", key)
    do(page, "list.scrollTo(0)")
    is_whole(page)
    assert page.evaluate("document.activeElement.dataset.key") == key
    assert do(page, "list.drawnRows().at(-1)") == key
    page.keyboard.press("Shift+Tab")
    page.evaluate("list.box().focus({ preventScroll: true })")
    do(page, "list.scrollTo(list.box().scrollHeight)")
    do(page, "list.scrollTo(0)")
    assert key not in do(page, "list.drawnRows()")


def test_it_tells_what_is_seen_and_asks_for_more_once(page: Page) -> None:
    assert do(page, "list.told.reached") == 0
    assert do(page, "list.told.seen[1]") == ROWS - 1
    key = reading(page)
    first, last = do(page, "list.told.seen")
    keys = do(page, "list.seenRows().keys")
    assert do(page, "list.keyAt(argument)", first) == keys[0]
    assert do(page, "list.keyAt(argument)", last) in keys[-2:]
    assert first <= do(page, "list.indexOf(argument)", key) <= last
    do(page, "list.scrollTo(0)")
    do(page, "list.scrollTo(50)")
    do(page, "list.scrollTo(0)")
    assert do(page, "list.told.reached") == 1
    do(page, "list.prepend(2)")
    assert do(page, "list.told.reached") == 2
    do(page, "list.append(2)")
    assert do(page, "list.told.reached") == 2
