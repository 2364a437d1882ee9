"""The Chromium of the browser tests: which one, started how."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

# The same engine without a window around it: a page takes half the time. It has no notices and installs nothing.
SHELLS = ("chromium-headless-shell", "chrome-headless-shell")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
# This machine under a name to which no browser gives the rights that localhost has.
PLAIN = "plain.test"
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {PLAIN} 127.0.0.1",
)


def find_chromium(*, whole: bool = False) -> Path | None:
    """The browser that `RECADO_TEST_CHROMIUM` names, or else the first one installed; a shell only if not `whole`."""
    if named := os.environ.get("RECADO_TEST_CHROMIUM"):
        return Path(named)
    found = next(filter(None, map(shutil.which, NAMES if whole else (*SHELLS, *NAMES))), MAC)
    return Path(found) if Path(found).exists() else None


def run_chromium(*, whole: bool = False) -> Iterator[Browser]:
    """A headless Chromium for as long as the generator lives; the test is skipped where none is installed."""
    executable = find_chromium(whole=whole)
    if executable is None:
        pytest.skip("no browser: install Chromium, or name one in RECADO_TEST_CHROMIUM")
    # Chromium's own sandbox refuses to start under root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=[*ARGUMENTS, *sandbox])
        yield browser
        browser.close()
