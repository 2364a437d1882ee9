"""`make bench-page`: what the chat page weighs, how soon it can be used, and what 10,000 messages cost it.

    python bench/page.py                 # some three minutes; needs Chromium, as the tests do
    python bench/page.py --messages 500  # short, and into another file

A real Chromium, headless, against a real server on SQLite. "Slow" is the DevTools protocol's throttle of the CPU, four
times. The figures go into their own section of bench/RESULTS.md. A benchmark is never a test: it fails nothing.
"""

import argparse
import asyncio
import datetime
import gzip
import json
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playwright.sync_api import Browser, CDPSession, Page, expect

from bench.machine import description
from bench.report import markdown_table
from bench.results import PAGE_TITLE, with_section
from tests.browser import run_chromium
from tests.flows.person import PASSWORD
from tests.instances import Instance
from tests.talk import talking

HERE = Path(__file__).resolve().parent
DIST = HERE.parent / "web" / "dist"
MESSAGES = 10_000
SLOWER = 4
ROUNDS = 5
IN_FLIGHT = 32
SCREENS = 200
PATIENCE_MS = 120_000
BUDGET_KB = 100
WORDS = "the quick brown fox jumps over a lazy dog and writes home about it at some length"

# From before the page's own script: when something was first drawn, and which tasks were long (50 ms or more).
WATCH = """
window.__bench = {tasks: []};
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.__bench.tasks.push([one.startTime, one.duration]);
}).observe({type: "longtask", buffered: true});
"""
# Scrolls by whole screens and notes how long each frame took.
SCROLL = """
async ([screens, direction]) => {
  const box = document.querySelector("[data-testid=message-list]");
  const frames = [];
  let before = performance.now();
  let stuck = 0;
  for (let turn = 0; turn < screens && stuck < 90; turn += 1) {
    const top = box.scrollTop;
    box.scrollTop += direction * box.clientHeight * 0.25;
    await new Promise(requestAnimationFrame);
    stuck = box.scrollTop === top ? stuck + 1 : 0;
    const now = performance.now();
    frames.push(now - before);
    before = now;
  }
  return frames;
}
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--messages", type=int, default=MESSAGES, help="in the conversation that is opened")
    made.add_argument("--out", type=Path, help="file whose section is written (default: bench/RESULTS.md)")
    return made


def weights() -> list[list[str]]:
    """What the page transfers, file by file: bytes, and bytes by gzip."""
    manifest = json.loads((DIST / "manifest.json").read_text())
    loaded = ("app.js", "app.css", "early.js", "icon.svg")
    files = {"index.html": DIST / "index.html", "sw.js": DIST / "sw.js"}
    files |= {name: DIST / "static" / manifest[name] for name in loaded}
    rows = [(name, len(path.read_bytes()), len(gzip.compress(path.read_bytes(), 6))) for name, path in files.items()]
    rows.append(("all of it", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    return [[name, f"{plain:,}", f"{packed:,}"] for name, plain, packed in rows]


async def talk_much(server: Instance, tokens: Mapping[str, str], count: int) -> None:
    """`count` messages between two people, each stored before the conversation goes far beyond it."""
    url = server.url.replace("http", "ws") + "/ws/chat/"
    names = list(tokens)

    async def write(sender: str, recipient: str, texts: list[str]) -> None:
        async with talking(url, subprotocols=["recado.v1"]) as talk:
            await talk.say({"type": "hello", "token": tokens[sender]})
            waiting = 0
            for text in texts:
                await talk.say(
                    {"type": "send", "client_id": str(uuid.uuid4()), "recipient": recipient, "content": text}
                )
                waiting += 1
                while waiting >= IN_FLIGHT:
                    waiting -= (await talk.hear())["type"] == "sent"
            while waiting:
                waiting -= (await talk.hear())["type"] == "sent"

    texts = [f"{WORDS[: 12 + 5 * (at % 14)]} {at}" for at in range(count)]
    await asyncio.gather(*(write(names[side], names[1 - side], texts[side::2]) for side in (0, 1)))


@contextmanager
def opened(browser: Browser, server: Instance, slower: int) -> Iterator[tuple[Page, CDPSession]]:
    """A page at the server, in a browser context of its own, on a CPU so many times slower."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.add_init_script(WATCH)
    protocol = context.new_cdp_session(page)
    protocol.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    try:
        page.goto(server.url)
        yield page, protocol
    finally:
        context.close()


def interactive_ms(page: Page) -> tuple[float, float]:
    """When something was first drawn, and the end of the last long task; from the navigation on."""
    page.wait_for_load_state("networkidle")
    drawn = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
    tasks: list[list[float]] = page.evaluate("window.__bench.tasks")
    return drawn, max([drawn, *(start + length for start, length in tasks)])


def sign_in(page: Page) -> None:
    """By the form, until the list of conversations is there."""
    page.get_by_test_id("username").fill("alice")
    page.get_by_test_id("password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("conversation")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live", timeout=PATIENCE_MS)


def starts(browser: Browser, server: Instance, slower: int) -> list[list[str]]:
    """How soon the sign-in and, on a later visit, the conversations can be used."""
    first: list[tuple[float, float]] = []
    later: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        with opened(browser, server, slower) as (page, _protocol):
            expect(page.get_by_test_id("sign-view")).to_be_visible(timeout=PATIENCE_MS)
            first.append(interactive_ms(page))
            sign_in(page)
            page.reload()
            expect(page.get_by_test_id("conversation")).to_be_visible(timeout=PATIENCE_MS)
            later.append(interactive_ms(page))
    cpu = "CPU as it is" if slower == 1 else f"CPU {slower}× slower"
    return [
        [f"{what}, {cpu}", *(f"{median(figures):,.0f}" for figures in zip(*seen, strict=True))]
        for what, seen in (("first visit: the sign-in", first), ("later visit: the conversations", later))
    ]


def heap_mb(protocol: CDPSession) -> float:
    """What the page's script keeps, after the rubbish was collected; in MB."""
    protocol.send("HeapProfiler.collectGarbage")
    used: float = protocol.send("Runtime.getHeapUsage")["usedSize"]
    return used / 1e6


def frames_of(times: list[float]) -> tuple[float, float, float]:
    """Median and 99th percentile of how long a frame took, ms, and the share of frames above 50 ms."""
    ordered = sorted(times)
    return median(ordered), ordered[int(len(ordered) * 0.99)], sum(one > 50 for one in ordered) / len(ordered)


def long_conversation(browser: Browser, server: Instance, count: int, slower: int) -> list[list[str]]:
    """All of a long conversation loaded by scrolling, and what that costs."""
    with opened(browser, server, slower) as (page, protocol):
        sign_in(page)
        before = heap_mb(protocol)
        began = page.evaluate("performance.now()")
        page.get_by_test_id("conversation").click()
        expect(page.get_by_test_id("message").last).to_be_visible(timeout=PATIENCE_MS)
        open_ms = page.evaluate("performance.now()") - began
        frames: list[float] = []
        # Until the beginning: `older` goes when there is nothing older.
        while page.get_by_test_id("older").count() or not page.locator(".beginning").count():
            frames += page.evaluate(SCROLL, [SCREENS, -1])
        down = page.evaluate(SCROLL, [SCREENS, 1])
        after = heap_mb(protocol)
        rows = page.locator("[data-testid=message-list] li").count()
        size: Any = page.evaluate("document.querySelector('[data-testid=message]').getAttribute('aria-setsize')")
        sending = page.evaluate("performance.now()")
        page.get_by_test_id("composer").fill("one more")
        page.get_by_test_id("send").click()
        expect(page.get_by_test_id("message-text").last).to_have_text("one more", timeout=PATIENCE_MS)
        echo_ms = page.evaluate("performance.now()") - sending
    up, back = frames_of(frames), frames_of(down)
    return [
        ["messages in the conversation", f"{count:,} ({size} rows, with days)"],
        ["opened, ms", f"{open_ms:,.0f}"],
        ["scrolled up to the beginning, pages loading: a frame, ms, p50 / p99", f"{up[0]:.1f} / {up[1]:.1f}"],
        ["… frames above 50 ms", f"{up[2]:.2%}"],
        ["scrolled down again: a frame, ms, p50 / p99", f"{back[0]:.1f} / {back[1]:.1f}"],
        ["… frames above 50 ms", f"{back[2]:.2%}"],
        ["rows in the document", f"{rows:,}"],
        ["typed and sent below all of it, until it is shown, ms", f"{echo_ms:,.0f}"],
        ["script's memory: signed in, MB", f"{before:.1f}"],
        ["script's memory: with all of it loaded, MB", f"{after:.1f}"],
    ]


def section(server: Instance, browser: Browser, count: int) -> str:
    """Everything, as Markdown."""
    machine = description()
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    where = f"Chromium {browser.version} on {machine.get('processor', 'this machine')}"
    shared = "Server, database and browser share the machine."
    parts = [
        f"Measured {date} with {where}; median of {ROUNDS} visits. {shared}",
        markdown_table([f"transfer (budget {BUDGET_KB} KB by gzip)", "bytes", "by gzip"], weights()),
        markdown_table(
            ["", "first drawn, ms", "can be used, ms"],
            [row for slower in (1, SLOWER) for row in starts(browser, server, slower)],
        ),
    ]
    for slower in (1, SLOWER):
        head = "a long conversation" if slower == 1 else f"a long conversation, CPU {slower}× slower"
        parts.append(markdown_table([head, ""], long_conversation(browser, server, count, slower)))
    return "\n\n".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Measure, and write the section."""
    options = parser().parse_args(arguments)
    whole = options.messages == MESSAGES
    table = options.out or (HERE / "RESULTS.md" if whole else Path(tempfile.gettempdir()) / "recado-bench-page.md")
    with tempfile.TemporaryDirectory(prefix="recado-bench-page-") as home, Instance(Path(home)) as server:
        tokens = {name: server.join(name) for name in ("alice", "bob")}
        asyncio.run(talk_much(server, tokens, options.messages))
        newest = server.call("GET", "/api/auth/messages/?with=bob&limit=1", token=tokens["alice"]).json[0]["id"]
        server.call("POST", "/api/conversations/bob/read/", {"up_to": newest}, token=tokens["alice"])
        chromium = run_chromium(whole=True)
        try:
            text = section(server, next(chromium), options.messages)
        finally:
            chromium.close()  # type: ignore[attr-defined]
    table.write_text(with_section(table.read_text() if table.exists() else "", PAGE_TITLE, text))
    sys.stdout.write(f"{text}\n\nWritten: {table}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
