"""What the tests of whole stories share: people at the page; what runs in Node, with the locked packages it needs."""

import contextlib
import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.flows.person import Arrive, Person, person
from tests.flows.relay import Relay
from tests.instances import ROOT, Instance

OLDEST_NODE = 18
# What npm says when it reaches nobody.
NO_NETWORK = r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH"


@pytest.fixture
def arrive(chromium: Browser, instance: Instance) -> Iterator[Arrive]:
    """Let somebody open the page, perhaps behind a relay; behind the test nobody has anything to complain of."""
    with ExitStack() as stack:
        people: list[Person] = []

        def opens(place: Instance | Relay = instance, **options: Any) -> Person:
            people.append(stack.enter_context(person(chromium, place, **options)))
            return people[-1]

        yield opens
        for one in people:
            one.complains_of_nothing()


@pytest.fixture(scope="session")
def web_workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `web/` in which the locked packages are installed; skipped without Node or npm.

    The tree itself is left as it is: whoever runs Recado needs no `node_modules`.
    """
    copy = tmp_path_factory.mktemp("workshop") / "web"
    shutil.copytree(ROOT / "web", copy, ignore=shutil.ignore_patterns("node_modules"))
    _install(copy, "the chat page")
    return copy


@pytest.fixture(scope="session")
def asyncapi_reader(request: pytest.FixtureRequest) -> Path:
    """A copy of `tests/asyncapi/` with AsyncAPI's own parser (55 MB): pytest's cache keeps it for the next run."""
    source = ROOT / "tests" / "asyncapi"
    lock = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    kept = request.config.cache.mkdir("asyncapi") / lock[:16]
    if not kept.exists():
        # Made beside and then named: whoever runs the tests at the same time finds the whole of it, or nothing.
        with tempfile.TemporaryDirectory(dir=kept.parent) as making:
            copy = Path(making) / "reader"
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("node_modules"))
            _install(copy, "the AsyncAPI parser")
            with contextlib.suppress(OSError):
                copy.rename(kept)
    shutil.copy(source / "read.mjs", kept)
    return kept


def _install(folder: Path, what: str) -> None:
    """`npm ci`; the test is skipped without Node and npm, or without a way to the registry."""
    if _node_version() < OLDEST_NODE or shutil.which("npm") is None:
        pytest.skip(f"no Node.js {OLDEST_NODE} with npm: install it to test {what}")
    installed = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode and re.search(NO_NETWORK, installed.stderr):
        pytest.skip(f"the packages of {what} cannot be fetched: no way to the npm registry")
    assert installed.returncode == 0, installed.stderr


def _node_version() -> int:
    if shutil.which("node") is None:
        return 0
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.strip().lstrip("v").partition(".")[0])
