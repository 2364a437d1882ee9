"""A running instance takes over changed keys by itself, and keeps those it has when the new ones are no good."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import models.facts
import models.keys
from actions import messages
from actions.app import App
from actions.messages import Outgoing
from crypto.keyring import PURPOSES, Key, Ring, format_ring, make_key
from settings import Settings
from tests.actions.stage import change, rows
from tests.rooms import join, make_keys, running_app
from wiring import live_keys
from wiring.build import check_keys
from wiring.canaries import make_canaries, rings_of
from wiring.live_keys import LiveKeys, ids_of
from wiring.settings_values import SettingsError


def write(home: Path, purpose: str, *ring: Key) -> None:
    path = home / "data" / "secrets" / f"{purpose}.keys"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(format_ring(Ring(ring)))
    fresh.chmod(0o600)
    fresh.rename(path)


@asynccontextmanager
async def living(url: str, home: Path) -> AsyncIterator[tuple[App, LiveKeys]]:
    """An instance whose keys lie in files."""
    keys = make_keys()
    for purpose, ring in rings_of(keys).items():
        write(home, purpose, *ring.keys)
    async with running_app(url, keys) as app:
        await models.facts.add_canaries(app.db, make_canaries(keys))
        live = LiveKeys(Settings(base=home), {})
        await live.attest(app)
        yield app, live


async def test_a_changed_file_is_taken_over_and_the_database_is_told(database_url: str, tmp_path: Path) -> None:
    async with living(database_url, tmp_path) as (app, live):
        (running,) = (await models.keys.running(app.db)).values()
        assert running == ids_of(app.keys)
        old, new = app.keys.master.current, make_key()
        write(tmp_path, "master", old, new)
        await live.look(app)
        assert [key.id for key in app.keys.master.keys] == [old.id, new.id]
        write(tmp_path, "master", new, old)
        await live.look(app)
        assert app.keys.master.current == new
        (running,) = (await models.keys.running(app.db)).values()
        assert running["master"] == [new.id, old.id]
        # It has vouched for the new one: with it alone an instance could start.
        assert ("master", new.id) in await models.facts.canaries(app.db)


async def test_nothing_is_read_while_nothing_changes(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(sqlite_url, tmp_path) as (app, live):

        def never(*args: object) -> None:
            raise AssertionError("read")

        monkeypatch.setattr(live_keys, "secret_texts", never)
        await live.look(app)


async def test_it_is_told_again_and_again_that_an_instance_runs(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(sqlite_url, tmp_path) as (app, live):
        await change(app, "UPDATE instances SET seen_at = 0")
        await live.look(app)
        assert await models.keys.running(app.db) == {}
        monkeypatch.setattr(live_keys, "ATTEST_SECONDS", 0.0)
        await live.look(app)
        assert len(await models.keys.running(app.db)) == 1


async def test_an_instance_that_has_left_is_waited_for_by_nobody(database_url: str, tmp_path: Path) -> None:
    async with living(database_url, tmp_path) as (app, live):
        assert await models.keys.running(app.db)
        await live.leave(app)
        assert await models.keys.running(app.db) == {}


async def test_keys_that_are_no_good_are_not_taken_over(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with living(database_url, tmp_path) as (app, live):
        alice = await join(app, "alice")
        await messages.send(app, alice, Outgoing("alice", "note"))
        before = app.keys
        path = tmp_path / "data" / "secrets" / "master.keys"
        held = path.read_text()
        for spoilt in ("k1 " + "A" * 43 + "\n", "", "nonsense", format_ring(Ring((make_key(),)))):
            path.write_text(spoilt)
            await live.reload(app)
            assert app.keys is before, spoilt
        path.unlink()
        await live.reload(app)
        assert app.keys is before
        path.write_text(held)
        path.chmod(0o644)
        await live.reload(app)
        assert app.keys is before
        assert caplog.text.count("keys not reloaded") == 6
        assert held.split()[1] not in caplog.text
        path.chmod(0o600)
        await live.reload(app)
        assert ids_of(app.keys) == ids_of(before)


async def test_a_master_that_something_is_sealed_with_must_stay(database_url: str, tmp_path: Path) -> None:
    async with living(database_url, tmp_path) as (app, live):
        alice = await join(app, "alice")
        await messages.send(app, alice, Outgoing("alice", "note"))
        old, new = app.keys.master.current, make_key()
        write(tmp_path, "master", new, old)
        await live.reload(app)
        write(tmp_path, "master", new)
        await live.reload(app)
        assert [key.id for key in app.keys.master.keys] == [new.id, old.id]
        only_new = replace(app.keys, master=Ring((new,)))
        with pytest.raises(SettingsError, match=f"master: key {old.id} is missing"):
            await check_keys(only_new, app.db)
        await change(app, "UPDATE conversation_keys SET master_id = %s", new.id)
        await live.reload(app)
        assert [key.id for key in app.keys.master.keys] == [new.id]
        assert await rows(app, "SELECT 1 FROM conversation_keys") != []


async def test_each_purpose_is_looked_at(sqlite_url: str, tmp_path: Path) -> None:
    async with living(sqlite_url, tmp_path) as (app, live):
        for purpose in PURPOSES:
            fresh = make_key()
            write(tmp_path, purpose, *rings_of(app.keys)[purpose].keys, fresh)
            await live.look(app)
            assert rings_of(app.keys)[purpose].keys[-1] == fresh
