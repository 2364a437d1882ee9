"""`make screens`: pictures of the chat page for the README, into docs/screens/.

    python bench/screens.py              # all of them; needs Chromium, as the tests do
    python bench/screens.py --only wide  # those whose name has this in it

A friendly scene is played on a real server; then each view is taken, in a wide window and on a telephone, in both
themes. Whenever that is, all of it happens at one moment of an afternoon. The pictures have a palette.
"""

import argparse
import struct
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playwright.sync_api import Browser, Page, expect

from tests.browser import run_chromium
from tests.flows.person import PASSWORD, PATIENCE_MS
from tests.instances import Instance

OUT = Path(__file__).resolve().parents[1] / "docs" / "screens"
COLOURS = 256
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
    *("sign-in", "register", "unreachable", "list", "conversation", "menu", "reply", "emoji"),
    *("actions", "timer", "delete", "offline", *PARTS),
)
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


# --- PNG with a palette: a page of few colours is a third as large so, and no library is needed for it


def pixels_of(png: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and the rows (RGB) of what a browser takes: 8 bits, RGB or RGBA, not interlaced."""
    width, height, _depth, kind = struct.unpack_from(">IIBB", png, 16)
    size = {2: 3, 6: 4}[kind]
    data, at = bytearray(), 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    flat = zlib.decompress(bytes(data))
    stride = width * size
    rows, above = [], bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        above = _unfiltered(flat[start], bytearray(flat[start + 1 : start + 1 + stride]), above, size)
        rows.append(bytes(above) if size == 3 else _without_alpha(above))
    return width, height, rows


def _without_alpha(row: bytearray) -> bytes:
    kept = bytearray(len(row) // 4 * 3)
    for part in range(3):
        kept[part::3] = row[part::4]
    return bytes(kept)


def _unfiltered(kind: int, row: bytearray, above: bytearray, size: int) -> bytearray:
    """PNG, 9.2: each byte is told as its distance from what is left of it and above."""
    for at in range(len(row) if kind else 0):
        left = row[at - size] if at >= size else 0
        corner = above[at - size] if at >= size else 0
        guess = (0, left, above[at], (left + above[at]) // 2, _paeth(left, above[at], corner))[kind]
        row[at] = (row[at] + guess) & 255
    return row


def _paeth(left: int, above: int, corner: int) -> int:
    whole = left + above - corner
    return min((left, above, corner), key=lambda one: abs(whole - one))


def with_palette(png: bytes) -> bytes:
    """The same picture in at most 256 colours: the most frequent ones, and for each other the nearest of them."""
    width, height, rows = pixels_of(png)
    counted = Counter(row[at : at + 3] for row in rows for at in range(0, len(row), 3))
    kept = spread([colour for colour, _ in counted.most_common()], COLOURS)
    number = {colour: _nearest(colour, kept) for colour in counted}
    lines = b"".join(b"\0" + bytes(number[row[at : at + 3]] for at in range(0, len(row), 3)) for row in rows)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", b"".join(kept)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in parts)


def spread(colours: Sequence[bytes], most: int) -> list[bytes]:
    """So many of these, the most frequent first: a quarter as they are, and of others that are near only one."""
    apart = 0
    kept = list(colours)
    while len(kept) > most:
        apart += 3
        kept = list(colours[: most // 4])
        for colour in colours[most // 4 :]:
            if len(kept) > most:
                break
            if all(_distance(colour, one) > apart for one in kept):
                kept.append(colour)
    return kept


def _distance(one: bytes, other: bytes) -> int:
    return abs(one[0] - other[0]) + abs(one[1] - other[1]) + abs(one[2] - other[2])


def _nearest(colour: bytes, kept: Sequence[bytes]) -> int:
    return min(range(len(kept)), key=lambda at: _distance(colour, kept[at]))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


# --- the scene


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
    page.get_by_test_id("username").fill("ana")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("conversation")).to_have_count(len(PEOPLE) - 1, timeout=PATIENCE_MS)


def show_part(page: Page, part: str, *, on_phone: bool) -> None:
    """This part of the settings."""
    if not page.get_by_test_id("settings").count():
        page.get_by_test_id("settings-open").click()
    elif on_phone:
        page.get_by_test_id("settings-back").click()
    page.get_by_test_id(f"settings-{part}").click()
    expect(page.locator(".settings-part [role=status]:not(:empty)")).to_have_count(0, timeout=PATIENCE_MS)


def story(page: Page, show: Callable[[str], None], *, on_phone: bool) -> None:
    """Every view in turn, as somebody comes to it."""
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
    sign_in(page)
    show("list")
    page.get_by_test_id("conversation").filter(has_text="rui").click()
    expect(page.get_by_test_id("message-text").last).to_be_visible(timeout=PATIENCE_MS)
    show("conversation")
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
    show("offline")
    page.context.set_offline(False)
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)
    if on_phone:
        page.get_by_test_id("back").click()
    for part in PARTS:
        show_part(page, part, on_phone=on_phone)
        show(part)
    page.get_by_test_id("settings-close").click()
    page.get_by_test_id("sign-out").click()  # so that the next one finds as many devices
    expect(page.get_by_test_id("sign-view")).to_be_visible()


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


def pictures(browser: Browser, server: Instance, only: str) -> Iterator[tuple[str, bytes]]:
    """Name and PNG of each."""
    for size, options in (("wide", WIDE), ("phone", PHONE)):
        for theme in THEMES:
            if only and not any(only in f"{one}-{size}-{theme}" for one in VIEWS):
                continue
            taken: list[tuple[str, bytes]] = []
            with opened(browser, server, theme, **options) as page:
                story(page, partial(take, page, taken, f"{size}-{theme}"), on_phone=size == "phone")
            yield from ((name, png) for name, png in taken if only in name)


def take(page: Page, taken: list[tuple[str, bytes]], end: str, view: str) -> None:
    """One more picture."""
    settled(page)
    taken.append((f"{view}-{end}", page.screenshot(caret="hide")))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures."""
    chosen = parser().parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, Instance(Path(home)) as server:
        play(server)
        for browser in run_chromium():
            for name, png in pictures(browser, server, chosen.only):
                path = chosen.out / f"{name}.png"
                path.write_bytes(with_palette(png))
                print(f"{path.stat().st_size:7,}  {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
