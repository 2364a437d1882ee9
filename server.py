"""The command line: `serve` (default), `migrate`, `keys`, `doctor`. What they do is in `wiring/`."""

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
HERE = Path(__file__).parent
T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 78 for wrong settings, 69 when something needed is out of reach."""
    chosen = _parser().parse_args(arguments)
    try:
        settings = load(os.environ, Path(os.environ.get("RECADO_SETTINGS", HERE / "settings.toml")))
        logs.set_up(level=settings.log.level, style=settings.log.format)
        command: Callable[[Settings], int] = chosen.run
        return command(settings)
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
    told = "the keys: make them ahead of the first start of several instances"
    keys = commands.add_parser("keys", help=told, description=told).add_subparsers(title="commands", required=True)
    told = "make the key files, unless they are there"
    keys.add_parser("init", help=told, description=told).set_defaults(run=_keys_init)
    return parser


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
