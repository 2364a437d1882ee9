"""House rules for the Dockerfile, each of them tried on a violation as well."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy import dockerfile
from tests.deploy.dockerfile import Stage

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
Stages = dict[str, Stage]
# PostgreSQL's versions have two numbers.
FULL_VERSION = re.compile(r"(:\d+\.\d+\.\d+|^postgres:\d+\.\d+)(-[\w.-]+)?(@sha256:[0-9a-f]{64})?$")


def final(stages: Stages) -> list[Stage]:
    """The stages that become images that run."""
    return [stage for name, stage in stages.items() if name != "build"]


def pinned(stages: Stages) -> list[str]:
    return [s.base for s in stages.values() if s.base not in stages and not FULL_VERSION.search(s.base)]


def one_python(stages: Stages) -> list[str]:
    """What is built on one base does not run on another."""
    return [] if stages["build"].base == stages["server"].base else [stages["server"].base]


def not_root(stages: Stages) -> list[str]:
    """Numbers, so that whoever runs the image can tell that it is not root."""
    return [s.name for s in final(stages) if not re.fullmatch(r"[1-9]\d*:[1-9]\d*", s.last("USER").text)]


def nothing_after_user(stages: Stages) -> list[str]:
    """The tree stays root's: after USER nothing is copied or run."""
    return [
        f"{s.name}: {each.word}"
        for s in final(stages)
        for each in s.instructions[s.instructions.index(s.last("USER")) :]
        if each.word in {"COPY", "ADD", "RUN"}
    ]


def exec_form(stages: Stages) -> list[str]:
    """No shell between the signal and the program."""
    return [
        f"{s.name}: {each.text}"
        for s in stages.values()
        for each in (*s.all("CMD"), *s.all("ENTRYPOINT"))
        if not each.text.startswith("[")
    ]


def no_add(stages: Stages) -> list[str]:
    return [s.name for s in stages.values() if s.all("ADD")]


def no_whole_tree(stages: Stages) -> list[str]:
    return [each.text for s in stages.values() for each in s.all("COPY") if {".", "./"} & set(each.words[:-1])]


def no_secret(stages: Stages) -> list[str]:
    named = re.compile(r"PASSWORD|SECRET|TOKEN|KEY|CREDENTIAL|\w+://\w+:\w+@", re.IGNORECASE)
    return [each.text for s in stages.values() for each in (*s.all("ENV"), *s.all("ARG")) if named.search(each.text)]


def only_wheels_that_are_pinned(stages: Stages) -> list[str]:
    runs = [each.text for stage in stages.values() for each in stage.all("RUN")]
    installs = [text for text in runs if "pip" in text and "install" in text]
    wanted = ("--no-cache-dir", "--only-binary=:all:", "--require-hashes", "-r requirements.txt")
    return [text for text in installs if "pip uninstall" not in text and not all(each in text for each in wanted)]


def health_without_tools(stages: Stages) -> list[str]:
    return [s.name for s in (stages["server"], stages["proxy"]) if not s.all("HEALTHCHECK")] + [
        each.text for s in stages.values() for each in s.all("HEALTHCHECK") if "curl" in each.text
    ]


def stops_when_asked(stages: Stages) -> list[str]:
    wanted = {"server": "SIGTERM", "proxy": "SIGQUIT"}
    return [n for n, signal in wanted.items() if [each.text for each in stages[n].all("STOPSIGNAL")] != [signal]]


def unbuffered(stages: Stages) -> list[str]:
    wanted = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "RECADO_SERVER_HOST": "0.0.0.0", "PORT": "8000"}
    return [name for name, value in wanted.items() if stages["server"].environment.get(name) != value]


def listens(stages: Stages) -> list[str]:
    return [n for n in ("server", "proxy") if [each.text for each in stages[n].all("EXPOSE")] != ["8000"]]


# Rule, what is replaced in the Dockerfile, by what.
VIOLATIONS: list[tuple[Callable[[Stages], list[str]], str, str]] = [
    (pinned, "python:3.11.15-slim-bookworm AS build", "python:3.11-slim AS build"),
    (pinned, "nginx:1.30.4-alpine", "nginx:latest"),
    (pinned, "nginx:1.30.4-alpine", "nginx"),
    (one_python, "python:3.11.15-slim-bookworm AS server", "python:3.12.1-slim AS server"),
    (not_root, "USER 10001:10001", "USER root"),
    (not_root, "USER 101:101", "USER 0:0"),
    (not_root, "USER 70:70", "USER postgres"),
    (nothing_after_user, "USER 10001:10001\n", "USER 10001:10001\nCOPY web ./web\n"),
    (exec_form, 'CMD ["python", "server.py"]', "CMD python server.py"),
    (no_add, "COPY crypto ./crypto", "ADD crypto ./crypto"),
    (no_whole_tree, "COPY crypto ./crypto", "COPY . ."),
    (no_secret, "PYTHONUNBUFFERED=1", "POSTGRES_PASSWORD=1"),
    (no_secret, "PYTHONUNBUFFERED=1", "DATABASE_URL=postgresql://a:b@c/d"),
    (only_wheels_that_are_pinned, "-r requirements.txt", "tornado"),
    (only_wheels_that_are_pinned, "--only-binary=:all: ", ""),
    (only_wheels_that_are_pinned, "--require-hashes ", ""),
    (health_without_tools, 'CMD ["wget"', 'CMD ["curl"'),
    (health_without_tools, "HEALTHCHECK", "LABEL"),
    (stops_when_asked, "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL"),
    (unbuffered, "PYTHONUNBUFFERED=1", "PYTHONUNBUFFERED=0"),
    (listens, "EXPOSE 8000", "EXPOSE 80"),
]
RULES = list(dict.fromkeys(rule for rule, *_ in VIOLATIONS))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_dockerfile_follows_the_rule(rule: Callable[[Stages], list[str]]) -> None:
    assert rule(dockerfile.stages()) == []


@pytest.mark.parametrize(("rule", "old", "new"), VIOLATIONS, ids=lambda value: getattr(value, "__name__", None))
def test_a_violation_is_found(rule: Callable[[Stages], list[str]], old: str, new: str) -> None:
    assert old in TEXT
    assert rule(dockerfile.stages(TEXT.replace(old, new))) != []


def test_the_last_stage_is_the_server() -> None:
    assert list(dockerfile.stages())[-1] == "server"


def test_the_ignore_file_is_plain_text_that_docker_can_read() -> None:
    raw = (ROOT / ".dockerignore").read_bytes()
    assert raw.isascii()
    assert b"\0" not in raw
    assert raw.splitlines()[1] == b"*"
