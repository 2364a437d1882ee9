"""The command line: `serve` (default), `migrate`, `keys`, `user`, `audit`, `doctor`. What they do is in `wiring/`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from handlers import logs
from models.db import Unavailable
from settings import Settings, load
from wiring.settings_values import SettingsError

EX_CONFIG = 78  # sysexits.h
EX_UNAVAILABLE = 69
NO_NAMES = frozenset({"127.0.0.1", "::1", "0.0.0.0", "::"})  # noqa: S104 - told, not bound
# As crypto.keyring has them, which takes too long to load for a command that needs none.
PURPOSES = ("master", "access", "pepper", "token", "bus", "audit", "push")
HERE = Path(__file__).parent
T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 78 for wrong settings, 69 when something needed is out of reach."""
    chosen = vars(_parser().parse_args(arguments))
    command: Callable[..., int] = chosen.pop("run")
    try:
        settings = load(os.environ, Path(os.environ.get("RECADO_SETTINGS", HERE / "settings.toml")))
        logs.set_up(level=settings.log.level, style=settings.log.format)
        return command(settings, **chosen)
    except SettingsError as error:
        for fault in error.faults:
            print(f"recado: {fault}", file=sys.stderr)
        return EX_CONFIG
    except Unavailable as error:
        print(f"recado: the database cannot be reached: {error}", file=sys.stderr)
        return EX_UNAVAILABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="server.py", description="Recado, a server for private messages.")
    parser.set_defaults(run=_serve)
    commands = parser.add_subparsers(title="commands", metavar="")
    for name, run, told in (
        ("serve", _serve, "serve the chat page and the API (the default)"),
        ("migrate", _migrate, "bring the database to this version"),
        ("doctor", _doctor, "tell what is configured, reachable, migrated and weak, with a remedy for each"),
    ):
        commands.add_parser(name, help=told, description=told).set_defaults(run=run)
    _add_keys(commands)
    _add_people(commands)
    _add_audit(commands)
    return parser


def _add_keys(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    told = "the keys: make, list, change and check them, while the server runs or not"
    keys = commands.add_parser("keys", help=told, description=told)
    actions = keys.add_subparsers(title="commands", required=True, metavar="")

    def action(name: str, run: Callable[..., int], told: str) -> argparse.ArgumentParser:
        parser = actions.add_parser(name, help=told, description=told)
        parser.set_defaults(run=run)
        return parser

    action("init", _keys_init, "make the key files, unless they are there")
    action("list", _keys_list, "every key: its state, who knows it, what needs it")
    action("add", _keys_add, "make a key that is known and not yet used").add_argument("purpose", choices=PURPOSES)
    chosen = action("use", _keys_use, "make a key the current one, when all running instances know it")
    chosen.add_argument("purpose", choices=PURPOSES)
    chosen.add_argument("key", nargs="?", help="its id; else that of the newest one that was never used")
    told = "use the newest master key, and seal again by it whatever an older one has sealed"
    action("rotate", _keys_rotate, told)
    checked = action("verify", _keys_verify, "try whether everything that is sealed opens; 1 when something does not")
    checked.add_argument("--messages", action="store_true", help="every message as well")
    gone = action("retire", _keys_retire, "take an old key away, when nothing needs it any more")
    gone.add_argument("purpose", choices=PURPOSES)
    gone.add_argument("key", help="its id")


def _add_people(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    told = "people: accounts, one-time tokens, who may come in, sessions, while the server runs or not"
    actions = commands.add_parser("user", help=told, description=told).add_subparsers(
        title="commands", required=True, metavar=""
    )
    for name, words in (
        ("create", "make an account, and print a one-time token with which its owner sets a password"),
        ("reset-password", "print a one-time token with which somebody sets another password"),
        ("disable", "let somebody in no more, and end all their sessions at once"),
        ("enable", "let somebody in again who was disabled"),
        ("sessions", "list where somebody is signed in"),
        ("end-sessions", "sign somebody out everywhere, at once"),
    ):
        parser = actions.add_parser(name, help=words, description=words)
        parser.add_argument("name", help="the name that they sign in with")
        parser.set_defaults(run=_user, command=name)


def _add_audit(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    told = "the audit log: whether anybody has tampered with it, and what it takes to tell"
    audit = commands.add_parser("audit", help=told, description=told)
    actions = audit.add_subparsers(title="commands", required=True, metavar="")
    told = "hand out the first key of the log, once: it is to be kept elsewhere"
    init = actions.add_parser("init", help=told, description=told)
    init.add_argument("--to", metavar="FILE", help="a file that is not there yet; else the standard output")
    init.set_defaults(run=_audit_init)
    told = "print the public keys that check the signatures of checkpoints"
    actions.add_parser("keys", help=told, description=told).set_defaults(run=_audit_keys)
    told = "check the whole log, while the server runs or not; 1 when somebody has tampered with it"
    verify = actions.add_parser("verify", help=told, description=told)
    verify.add_argument("--public-key", metavar="FILE", help="what `audit keys` printed; no secret is read then")
    verify.add_argument("--checkpoints", metavar="FILE", help="checkpoints, or a standard output, from elsewhere")
    verify.add_argument("--first-key", metavar="FILE", help="what `audit init` handed out (mode 0600)")
    verify.set_defaults(run=_audit_verify)


def _serve(settings: Settings) -> int:
    from wiring.serve import Server, serve  # noqa: PLC0415 (each command loads only what it needs)

    def told_ready(server: Server) -> None:
        host = "localhost" if settings.server.host in NO_NAMES else settings.server.host
        print(f"Recado is at http://{host}:{server.ports[0]}", flush=True)

    run(serve(settings, os.environ, told_ready))
    return 0


def _migrate(settings: Settings) -> int:
    from wiring.maintain import migrate  # noqa: PLC0415

    return run(migrate(settings))


def _doctor(settings: Settings) -> int:
    from wiring.doctor import examine  # noqa: PLC0415

    return run(examine(settings, os.environ))


def _keys_init(settings: Settings) -> int:
    from wiring.keys import init  # noqa: PLC0415

    return init(settings, os.environ)


def _keys_list(settings: Settings) -> int:
    from wiring.keys import list_all  # noqa: PLC0415

    return run(list_all(settings, os.environ))


def _keys_add(settings: Settings, purpose: str) -> int:
    from wiring.keys import add  # noqa: PLC0415

    return run(add(settings, os.environ, purpose))


def _keys_use(settings: Settings, purpose: str, key: str | None) -> int:
    from wiring.keys import use  # noqa: PLC0415

    return run(use(settings, os.environ, purpose, key))


def _keys_rotate(settings: Settings) -> int:
    from wiring.keys import rotate  # noqa: PLC0415

    return run(rotate(settings, os.environ))


def _keys_verify(settings: Settings, messages: bool) -> int:
    from wiring.keys import verify  # noqa: PLC0415

    return run(verify(settings, os.environ, with_messages=messages))


def _keys_retire(settings: Settings, purpose: str, key: str) -> int:
    from wiring.keys import retire  # noqa: PLC0415

    return run(retire(settings, os.environ, purpose, key))


def _user(settings: Settings, command: str, name: str) -> int:
    from wiring.people import perform  # noqa: PLC0415

    return run(perform(settings, os.environ, command, name))


def _audit_init(settings: Settings, to: str | None) -> int:
    from wiring.audit import init  # noqa: PLC0415

    return run(init(settings, os.environ, to))


def _audit_keys(settings: Settings) -> int:
    from wiring.audit import keys  # noqa: PLC0415

    return run(keys(settings, os.environ))


def _audit_verify(settings: Settings, public_key: str | None, checkpoints: str | None, first_key: str | None) -> int:
    from wiring.audit import verify  # noqa: PLC0415

    return run(verify(settings, os.environ, public_key=public_key, outside=checkpoints, first_key=first_key))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:  # there is none for this system
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


if __name__ == "__main__":
    sys.exit(main())
