"""`user …`: people are made, let in and kept out while the server runs, and no password is ever asked for."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from tests.instances import ROOT, Instance
from tests.talk import talking
from wiring.people import COMMANDS

SECONDS = 60
NEW = "another horse, another battery"


def user(instance: Instance, *arguments: str, code: int = 0) -> str:
    """What the command prints: on standard output, or on standard error when it is refused."""
    ended = subprocess.run(
        [sys.executable, str(ROOT / "server.py"), "user", *arguments],
        env=instance.environment,
        cwd=instance.home,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == code, ended
    assert (ended.stderr if code == 0 else ended.stdout) == ""
    return ended.stderr if code else ended.stdout


def token_in(told: str) -> str:
    (token,) = re.findall(r"^  (pr1_\S+)$", told, re.MULTILINE)
    return str(token)


async def test_people_are_made_and_kept_out_while_the_server_runs(tmp_path: Path, database_url: str) -> None:
    with Instance(tmp_path, database_url=database_url, settings={"RECADO_AUTH_REGISTRATION": "false"}) as instance:

        def ran(*arguments: str, code: int = 0) -> "asyncio.Future[str]":
            return asyncio.ensure_future(asyncio.to_thread(user, instance, *arguments, code=code))

        def set_password(token: str, new: str = NEW) -> int:
            return instance.call("POST", "/api/auth/password/reset/", {"token": token, "new": new}).status

        def login() -> int:
            return instance.call("POST", "/api/auth/login/", {"username": "alice", "password": NEW}).status

        made = await ran("create", "Alice")
        assert made.startswith("made an account for Alice\n")
        assert await asyncio.to_thread(set_password, token_in(made)) == 204
        token = await asyncio.to_thread(instance.sign_in, "alice", NEW)

        listed = await ran("sessions", "alice")
        assert listed.startswith("Alice has 1 session\n")
        assert "Python-urllib" in listed
        async with talking(instance.socket_url, token) as talk:
            assert await ran("end-sessions", "alice") == "1 session of Alice ended\n"
            assert await talk.closed() == 4401
        assert instance.call("GET", "/api/users/me/", token=token).status == 401

        token = await asyncio.to_thread(instance.sign_in, "alice", NEW)
        async with talking(instance.socket_url, token) as talk:
            assert await ran("disable", "alice") == "Alice is disabled, 1 session ended\n"
            assert await talk.closed() == 4401
        assert await asyncio.to_thread(login) == 401
        assert await ran("disable", "alice") == "Alice was disabled before\n"
        assert "enable them first" in await ran("reset-password", "alice", code=1)
        assert await ran("enable", "alice") == "Alice may sign in again\n"
        assert await ran("enable", "alice") == "Alice was not disabled\n"
        assert await asyncio.to_thread(login) == 200

        another = token_in(await ran("reset-password", "alice"))
        assert await asyncio.to_thread(login) == 200
        assert await asyncio.to_thread(set_password, another, "a third horse, a third battery") == 204
        assert await asyncio.to_thread(login) == 401
        assert another not in instance.log()


async def test_what_cannot_be_done_is_told_and_the_code_is_1(tmp_path: Path) -> None:
    with Instance(tmp_path) as instance:
        instance.register("alice")
    for command in sorted(COMMANDS.keys() - {"create"}):
        assert user(instance, command, "nobody", code=1) == "recado: There is nobody of this name.\n"
    assert "is taken" in user(instance, "create", "ALICE", code=1)
    assert "letters and digits" in user(instance, "create", "a b", code=1)


def test_a_command_wants_a_name(tmp_path: Path) -> None:
    instance = Instance(tmp_path)
    for arguments in (("create",), ("create", "a", "b"), ("drop", "alice"), ()):
        assert "usage: server.py" in user(instance, *arguments, code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_device_cannot_draw_on_the_operators_terminal(tmp_path: Path) -> None:
    with Instance(tmp_path) as instance:
        instance.register("alice")
        body = {"username": "alice", "password": "correct horse battery", "device": "\x1b[2J\x07\u202ephone"}
        assert instance.call("POST", "/api/auth/login/", body).status == 200
        told = user(instance, "sessions", "alice")
    assert "?[2J??phone" in told
    assert all(mark.isprintable() for mark in told.replace("\n", ""))
