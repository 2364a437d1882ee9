"""The image of the server, built without Docker: the Dockerfile's own lines in an empty folder, then its command.

COPY takes what .dockerignore leaves; RUN of the stage `build` runs as it stands, with other places for its
absolute paths. The tree belongs to somebody else than the user that runs it, and nobody may write to it.
"""

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy import dockerfile
from tests.programs import first_line, free_port, make_directory, unprivileged

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
USER = dockerfile.stages()["server"].last("USER").text


@dataclass(frozen=True, slots=True)
class Image:
    """The root of the file system, as far as the Dockerfile makes it, and a folder for /data."""

    root: Path
    data: Path

    def inside(self, text: str) -> str:
        """The text with the image's absolute paths where they lie here."""
        text = re.sub(r"/(app|opt/recado)\b", lambda found: f"{self.root}{found[0]}", text)
        return re.sub(r"^/data$", str(self.data), text)

    def environment(self, **more: str) -> dict[str, str]:
        """What ENV says, and nothing of this machine."""
        own = {name: self.inside(value) for name, value in dockerfile.stages()["server"].environment.items()}
        own["PATH"] = own["PATH"].replace("$PATH", os.defpath)
        return own | {"RECADO_SERVER_HOST": "127.0.0.1"} | more


def python() -> str:
    """An interpreter that the unprivileged user may run, as the base image has one."""
    for name in (
        sys.executable,
        *(shutil.which(f"python3.{minor}") or "" for minor in range(11, 16)),
        "/usr/bin/python3",
    ):
        found = first_line([name, "-c", "import sys; print(sys.version_info >= (3, 11))"]) if name else ""
        if found == "True":
            return str(Path(name).resolve())
    pytest.skip("no Python from 3.11 on that an unprivileged user may run")


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """The Dockerfile's stages `build` and `server`, carried out."""
    base = make_directory("recado-image-")
    base.chmod(0o755)
    built = Image(base / "root", base / "data")
    for name in ("root/app", "data"):
        (base / name).mkdir(parents=True)
    user = unprivileged()
    if user:
        os.chown(built.data, *map(int, USER.split(":")))
    _build(built)
    if not user:  # whoever runs the tests owns the tree, and still must not write to it
        subprocess.run(["chmod", "-R", "a-w", built.root], check=True)
    yield built
    subprocess.run(["chmod", "-R", "u+w", base], check=True)
    shutil.rmtree(base)


def _build(image: Image) -> None:
    seen = dockerfile.context(ROOT, (ROOT / ".dockerignore").read_text())
    app = image.root / "app"
    for each in dockerfile.stages()["build"].instructions:
        if each.word == "COPY":
            *sources, target = each.words
            for source in sources:
                _copy(source, app / target, seen)
        elif each.word == "RUN":
            # pip comes with the tests' interpreter; what it installs for is the one that the user may run.
            command = each.text.replace("python -m pip", f"{sys.executable} -m pip")
            command = re.sub(r"\bpython -m (venv|compileall)", rf"{python()} -m \1", command)
            environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
            subprocess.run(["/bin/sh", "-ec", image.inside(command)], cwd=app, env=environment, check=True)
    copied = {each.text for each in dockerfile.stages()["server"].all("COPY")}
    assert copied == {"--from=build /opt/recado /opt/recado", "--from=build /app /app"}


def _copy(source: str, target: Path, seen: list[Path]) -> None:
    """As COPY does: a folder's content, or the files that fit."""
    if (ROOT / source).is_dir():
        chosen = {path: target / path.relative_to(source) for path in seen if path.is_relative_to(source)}
    else:
        chosen = {
            path: target / path.name for path in seen if path.parent == Path(source).parent and path.match(source)
        }
    assert chosen, f"COPY {source}: .dockerignore leaves nothing of it"
    for path, place in chosen.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, place)


@dataclass(slots=True)
class Running:
    """The image's command, running."""

    image: Image
    port: int
    process: subprocess.Popen[str]

    def healthy(self) -> bool:
        """Whether the HEALTHCHECK says so."""
        command = dockerfile.stages()["server"].last("HEALTHCHECK").command
        environment = self.image.environment(PORT=str(self.port))
        return subprocess.run(command, env=environment, capture_output=True, check=False, **as_user()).returncode == 0


def as_user() -> dict[str, object]:
    if not unprivileged():
        return {}
    user, group = map(int, USER.split(":"))
    return {"user": user, "group": group, "extra_groups": []}


@pytest.fixture
def running(image: Image) -> Iterator[Running]:
    """The CMD of the image, as its USER; with SQLite and fresh keys in /data."""
    port = free_port()
    environment = image.environment(PORT=str(port), RECADO_SERVER_DATA_DIR=str(image.data))
    process = subprocess.Popen(
        dockerfile.stages()["server"].last("CMD").words,
        cwd=image.root / "app",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **as_user(),
    )
    try:
        yield Running(image, port, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until_healthy(running: Running) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not running.healthy():
        assert running.process.poll() is None, running.process.communicate()[0]
        assert time.monotonic() < deadline, "not healthy in time"
        time.sleep(0.1)


def tree(root: Path) -> set[tuple[str, int]]:
    return {(str(path), path.lstat().st_mtime_ns) for path in root.rglob("*")}


def test_the_command_runs_as_a_stranger_to_its_tree_and_the_health_check_knows(running: Running) -> None:
    before = tree(running.image.root)
    until_healthy(running)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    connection.request("GET", "/")
    page = connection.getresponse()
    assert page.status == 200
    assert b'<div id="recado">' in page.read()
    connection.close()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(15) == 0
    assert not running.healthy()
    assert tree(running.image.root) == before
    names = {path.name for path in running.image.data.iterdir()}
    assert {"recado.db", "secrets"} <= names


def test_the_health_check_takes_a_refused_host_for_life_and_silence_for_death(image: Image) -> None:
    port = free_port()
    environment = image.environment(
        PORT=str(port), RECADO_SERVER_DATA_DIR=str(image.data), RECADO_SERVER_ALLOWED_HOSTS="chat.example"
    )
    process = subprocess.Popen(
        dockerfile.stages()["server"].last("CMD").words, cwd=image.root / "app", env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user(),
    )  # fmt: skip
    try:
        running = Running(image, port, process)
        until_healthy(running)
        process.send_signal(signal.SIGSTOP)
        assert not running.healthy()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("command", [["doctor", "--help"], ["migrate", "--help"], ["keys", "init", "--help"]])
def test_the_other_commands_are_there(image: Image, command: list[str]) -> None:
    words = [*dockerfile.stages()["server"].last("CMD").words, *command]
    ran = subprocess.run(
        words, cwd=image.root / "app", env=image.environment(), capture_output=True, text=True, check=False, **as_user()
    )
    assert ran.returncode == 0, ran.stderr


def test_every_module_can_be_loaded_with_what_is_installed(image: Image) -> None:
    """Nothing that runs leans on a package of the tests, or on a module that is not copied."""
    app = image.root / "app"
    modules = [
        str(path.relative_to(app).with_suffix("")).replace("/", ".").removesuffix(".__init__")
        for path in app.rglob("*.py")
        if path.parent.name != "migrations"
    ]
    assert {"server", "wiring.keys", "realtime.redis_bus", "models.db"} <= set(modules)
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
    ran = subprocess.run(
        ["python", "-c", code, *modules], cwd=app, env=image.environment(), capture_output=True, text=True,
        check=False, **as_user(),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_only_what_runs_is_in_the_image(image: Image) -> None:
    app = image.root / "app"
    rooms = {path.name for path in app.iterdir() if path.is_dir()} - {"__pycache__"}
    assert rooms == {"actions", "crypto", "deploy", "handlers", "models", "realtime", "web", "wiring"}
    assert [path.name for path in (app / "web").iterdir()] == ["dist"]
    assert [path.name for path in (app / "deploy").iterdir() if path.name != "__pycache__"] == ["first_start.py"]
    for path in app.rglob("*"):
        inner = path.relative_to(app).as_posix()
        assert not re.search(
            r"(^|/)(\.|tests?(/|_|$)|conftest|node_modules|data(/|$)|bench)|\.(db|keys|pem|env|ts)$", inner
        ), inner
        if path.is_file() and path.suffix != ".pyc":
            assert b"PRIVATE KEY" not in path.read_bytes()


def test_no_tool_of_developers_is_installed(image: Image) -> None:
    packages = next((image.root / "opt/recado/lib").glob("python3.*")) / "site-packages"
    installed = {path.name.partition("-")[0].lower() for path in packages.glob("*.dist-info")}
    wanted = re.findall(r"^([\w-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert installed <= {name.lower().replace("-", "_") for name in wanted}
    assert "tornado" in installed
    assert not {"pip", "setuptools", "pytest", "ruff", "mypy", "hypothesis"} & installed


def test_nobody_but_root_may_write_to_the_tree_and_everybody_may_read_it(image: Image) -> None:
    if not unprivileged():
        pytest.skip("the owner of the tree runs these tests")
    for path in (image.root / "app", *(image.root / "app").rglob("*"), *(image.root / "opt").rglob("*")):
        if not path.is_symlink():
            mode, owner = path.stat().st_mode, path.stat().st_uid
            assert (owner, mode & 0o022) == (0, 0), path
            assert mode & (0o005 if path.is_dir() else 0o004), path


def test_private_files_never_reach_the_builder(tmp_path: Path) -> None:
    hidden = [
        ".env", "settings/.env", "crypto/.env.local", "data/recado.db", "recado.db", "wiring/recado.db-wal",
        "deploy/master.keys", ".git/config", ".venv/bin/python", "tests/conftest.py", "web/src/app.js",
        "web/node_modules/x.js", "actions/__pycache__/a.pyc", "docs/x.md", "web/dist/.env",
    ]  # fmt: skip
    shown = [
        "server.py",
        "actions/app.py",
        "models/migrations/a.py",
        "web/dist/static/a.js",
        "deploy/nginx.conf",
        "LICENSE",
    ]
    for name in (*hidden, *shown):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    seen = dockerfile.context(tmp_path, (ROOT / ".dockerignore").read_text())
    assert [str(path) for path in seen] == sorted(shown)
