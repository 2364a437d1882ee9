"""What the tests of whole stories share: a copy of the chat page's sources with the packages they need."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.instances import ROOT

OLDEST_NODE = 20


@pytest.fixture(scope="session")
def web_workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `web/` in which the locked packages are installed; skipped without Node or npm.

    The tree itself is left as it is: whoever runs Recado needs no `node_modules`.
    """
    if _node_version() < OLDEST_NODE or shutil.which("npm") is None:
        pytest.skip(f"no Node.js {OLDEST_NODE} with npm: install it to test and rebuild the chat page")
    copy = tmp_path_factory.mktemp("workshop") / "web"
    shutil.copytree(ROOT / "web", copy, ignore=shutil.ignore_patterns("node_modules"))
    installed = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode and re.search(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH", installed.stderr):
        pytest.skip("the packages of the chat page cannot be fetched: no way to the npm registry")
    assert installed.returncode == 0, installed.stderr
    return copy


def _node_version() -> int:
    if shutil.which("node") is None:
        return 0
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.strip().lstrip("v").partition(".")[0])
