"""What the tests' own set-up promises: no silent skip under CI, and a loop for each `async def` test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

SKIPS = """
import pytest

def test_skips(): pytest.skip("no browser")

@pytest.mark.xfail(reason="known")
def test_fails_as_expected(): assert False
"""
SKIPS_WHOLE = """
import pytest

pytest.skip("no browser", allow_module_level=True)
"""
ASYNC = """
import asyncio

async def test_runs(): await asyncio.sleep(0)

async def test_can_fail(): raise ValueError("seen")

async def test_leaves_a_task(): asyncio.get_running_loop().create_task(asyncio.sleep(60))
"""


def run_pytest(folder: Path, text: str, **environment: str) -> tuple[int, str]:
    """Run one test file under the project's conftest and settings; the exit code and what was printed."""
    (folder / "conftest.py").write_text("from tests.conftest import *")
    (folder / "test_it.py").write_text(text)
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "_shim")])
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "RECADO_TEST_NO_SKIPS")}
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
            *("-c", ROOT / "pyproject.toml", "--rootdir", folder, folder / "test_it.py"),
        ],
        env={**inherited, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout


def test_a_skip_is_a_skip_on_a_persons_machine(tmp_path: Path) -> None:
    code, printed = run_pytest(tmp_path, SKIPS)
    assert (code, "1 skipped, 1 xfailed" in printed) == (0, True), printed


@pytest.mark.parametrize("setting", ["CI=true", "RECADO_TEST_NO_SKIPS=1"])
def test_a_skip_fails_under_ci(tmp_path: Path, setting: str) -> None:
    code, printed = run_pytest(tmp_path, SKIPS, **dict([setting.split("=")]))
    assert (code, "1 failed, 1 xfailed" in printed) == (1, True), printed
    assert "no browser" in printed


def test_a_skipped_file_fails_under_ci(tmp_path: Path) -> None:
    assert run_pytest(tmp_path, SKIPS_WHOLE)[0] == 5  # nothing was run
    code, printed = run_pytest(tmp_path, SKIPS_WHOLE, CI="true")
    assert (code, "no browser" in printed) == (2, True), printed


def test_async_tests_run_without_a_mark(tmp_path: Path) -> None:
    code, printed = run_pytest(tmp_path, ASYNC)
    assert (code, "1 failed, 2 passed" in printed, "ValueError: seen" in printed) == (1, True, True), printed
