"""The committed chat page is what its sources give, byte for byte."""

import json
import subprocess
from pathlib import Path

from tests.instances import ROOT


def test_the_committed_page_is_what_the_sources_give(web_workshop: Path) -> None:
    ran = _build(web_workshop, "--check")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_rebuild_gives_the_same_bytes(web_workshop: Path) -> None:
    assert _build(web_workshop).returncode == 0
    assert _files(web_workshop / "dist") == _files(ROOT / "web" / "dist")


def test_a_stale_page_is_noticed(web_workshop: Path) -> None:
    stale = web_workshop / "dist" / "index.html"
    kept = stale.read_text()
    stale.write_text(kept + "\n")
    ran = _build(web_workshop, "--check")
    stale.write_text(kept)
    assert ran.returncode == 1
    assert "index.html" in ran.stderr


def test_what_is_built_in_is_pinned_and_its_licence_is_there() -> None:
    package = json.loads((ROOT / "web" / "package.json").read_text())
    licences = (ROOT / "web" / "dist" / "LICENSES.txt").read_text()
    for name, version in package["dependencies"].items():
        assert version[0].isdigit(), f"{name} is not pinned"
        assert f"{name} {version}" in licences


def _build(web: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["node", "build.mjs", *arguments], cwd=web, capture_output=True, text=True, check=False)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
