"""What is installed is what was chosen: every library by version and by hash, told in the list of what runs."""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy import audit, sbom

ROOT = Path(__file__).resolve().parents[2]
RUNTIME, TESTING = ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"
CHOSEN = {RUNTIME: ROOT / "deploy" / "requirements.in", TESTING: ROOT / "tests" / "requirements.in"}
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def entries(file: Path) -> list[str]:
    """The file's logical lines: a requirement with its hashes, or an option."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().replace("\\\n", " ").splitlines())
    return [line for line in lines if line]


def pins(file: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """Library → its version and the hashes of its files."""
    found = {}
    for line in entries(file):
        wanted = Requirement(HASH.sub("", line).strip())
        (version,) = wanted.specifier
        assert version.operator == "==", line
        assert not wanted.url, line
        found[canonicalize_name(wanted.name)] = (version.version, frozenset(HASH.findall(line)))
    return found


@pytest.mark.parametrize("file", CHOSEN, ids=lambda file: file.parent.name)
def test_every_library_is_pinned_by_version_and_by_hash_and_comes_from_pypi(file: Path) -> None:
    assert not [line for line in entries(file) if line.startswith("-")]  # no other index, no other file
    assert len(entries(file)) == len(pins(file))
    for name, (_, hashes) in pins(file).items():
        assert hashes, name


@pytest.mark.parametrize(("file", "chosen"), CHOSEN.items(), ids=lambda path: path.name)
def test_what_was_chosen_is_what_is_pinned(file: Path, chosen: Path) -> None:
    wanted = [Requirement(line) for line in entries(chosen) if not line.startswith("-")]
    assert wanted
    for each in wanted:
        assert str(each.specifier) == f"=={pins(file)[canonicalize_name(each.name)][0]}", each


def test_what_runs_is_tested_in_the_same_version_from_the_same_files() -> None:
    testing = pins(TESTING)
    for name, pin in pins(RUNTIME).items():
        assert testing[name] == pin, name


@pytest.mark.parametrize("file", CHOSEN, ids=lambda file: file.parent.name)
def test_what_a_library_needs_is_pinned_as_well(file: Path) -> None:
    pinned = pins(file)
    for name, (version, _) in pinned.items():
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system
        assert found.version == version, name
        for text in found.requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert canonicalize_name(needed.name) in pinned, (name, text)


def test_a_file_that_is_not_the_one_that_was_pinned_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "peewee-1.0-py3-none-any.whl").write_bytes(b"another")
    pinned = tmp_path / "requirements.txt"
    pinned.write_text("peewee==1.0 --hash=sha256:" + "0" * 64)
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-index",
        "--dest=out",
        f"--find-links={tmp_path}",
    ]
    installs = next(line for line in (ROOT / "Makefile").read_text().splitlines() if "pip install" in line)
    options = [word for word in installs.split() if word == "--require-hashes"]
    ran = subprocess.run([*command, *options, "-r", pinned], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "DO NOT MATCH THE HASHES" in ran.stderr


@pytest.mark.parametrize(
    ("target", "wanted"), [("check", "deploy/audit.py tests/requirements.txt"), ("sbom", "sbom.py")]
)
def test_make_knows_how(target: str, wanted: str) -> None:
    ran = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True)
    assert wanted in ran.stdout


def test_everything_is_installed_by_its_hash() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (install,) = [line for line in makefile.splitlines() if "pip install" in line]
    assert "--require-hashes" in install
    assert re.findall(r"\$\(INSTALL\) -r (.*)", makefile) == ["requirements.txt", "tests/requirements.txt"]


# Known weaknesses.


def test_each_weakness_is_a_line() -> None:
    known = [
        {"name": "good", "version": "1", "vulns": []},
        {
            "name": "bad",
            "version": "2",
            "vulns": [
                {"id": "PYSEC-1", "fix_versions": ["2.1", "3.0"], "aliases": [], "description": "x"},
                {"id": "PYSEC-2", "fix_versions": [], "aliases": [], "description": "x"},
            ],
        },
    ]
    assert audit.weaknesses(known) == [
        "bad 2: PYSEC-1, mended in 2.1, 3.0",
        "bad 2: PYSEC-2, mended in no version yet",
    ]


def run_audit(stand_in: Path | None, **environment: str) -> subprocess.CompletedProcess[str]:
    """`make check`'s question about the tests' libraries; `stand_in` holds what is asked instead of pip-audit."""
    path = {"PYTHONPATH": str(stand_in)} if stand_in else {}
    return subprocess.run(
        [sys.executable, "deploy/audit.py", "tests/requirements.txt"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_where_nobody_can_be_asked_one_line_says_so_and_nothing_fails(tmp_path: Path) -> None:
    # A proxy at which nobody listens.
    nowhere = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), "http://127.0.0.1:1")
    ran = run_audit(None, HOME=str(tmp_path), **nowhere)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(ran.stdout.splitlines()) == 1
    assert ran.stdout.startswith("known weaknesses of the libraries were not asked for: ")


GOOD = {"name": "good", "version": "1", "vulns": []}
BAD = {"name": "bad", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["9"]}]}
ODD = {"name": "odd", "skip_reason": "not there"}


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        ([GOOD], 0, "no known weakness in 1 libraries\n"),
        ([GOOD, BAD], 1, "bad 1: X-1, mended in 9\n"),
        ([GOOD, ODD], 0, "not known to PyPI: odd\nno known weakness in 1 libraries\n"),
        ([BAD, ODD], 1, "not known to PyPI: odd\nbad 1: X-1, mended in 9\n"),
        # A mirror that has the files, and not what is known of them.
        (
            [ODD, ODD],
            0,
            "known weaknesses of the libraries were not asked for: whoever answers for PyPI knows none of the 2\n",
        ),
    ],
)
def test_an_answer_decides(tmp_path: Path, answer: list[object], code: int, told: str) -> None:
    said = json.dumps({"dependencies": answer, "fixes": []})
    (tmp_path / "pip_audit.py").write_text(f"import sys\nprint({said!r})\nsys.exit({code})\n")
    ran = run_audit(tmp_path)
    assert (ran.returncode, ran.stdout) == (code, told)


# The list of what runs.


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `make sbom` writes."""
    file = tmp_path_factory.mktemp("sbom") / "sbom.cdx.json"
    assert sbom.main([str(file)]) == 0
    return file.read_text()


def test_the_list_is_valid_cyclonedx(document: str) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(document) is None
    assert validator.validate_str(document.replace('"components"', '"parts"')) is not None


def test_the_list_names_every_library_of_the_server_with_its_hashes(document: str) -> None:
    told = {each["purl"].partition("?")[0]: json.dumps(each) for each in json.loads(document)["components"]}
    for name, (version, hashes) in pins(RUNTIME).items():
        component = told.pop(f"pkg:pypi/{name}@{version}")
        assert all(each in component for each in hashes), name
    assert {purl.partition("@")[0] for purl in told if not purl.startswith("pkg:npm/")} == set()


def test_the_list_names_every_library_that_is_built_into_the_page(document: str) -> None:
    told = {each["name"]: each for each in json.loads(document)["components"] if each["purl"].startswith("pkg:npm/")}
    wanted = json.loads((ROOT / "web" / "package.json").read_text())["dependencies"]
    assert set(wanted) <= set(told)
    assert not {"esbuild", ""} & set(told)
    for name, version in wanted.items():
        assert told[name]["version"] == version
        assert [len(each["content"]) for each in told[name]["hashes"]] == [128]


def test_the_list_says_what_it_is_about_and_is_the_same_each_time(document: str, tmp_path: Path) -> None:
    read = json.loads(document)
    assert read["metadata"]["component"]["name"] == "recado"
    (ours,) = [each for each in read["dependencies"] if each["ref"] == "recado"]
    assert set(ours["dependsOn"]) == {each["bom-ref"] for each in read["components"]}
    again = tmp_path / "again.json"
    sbom.main([str(again)])
    assert again.read_text() == document
