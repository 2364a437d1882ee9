"""One's own events, refusals that are noted, checkpoints that go out, records that are dropped in time."""

import dataclasses

import pytest

import models.audit
from actions import accounts, audit, audit_checks, messages, sessions
from actions.app import App, Caller
from actions.audit import Outlet
from actions.errors import TooMany, Unauthenticated
from actions.messages import Outgoing
from crypto import checkpoints
from crypto.keyring import Ring, make_key
from models import audit_log
from models.audit import Record
from models.audit_log import Due
from models.db import execute
from tests.actions.stage import rows
from tests.actions.tampering import disarm
from tests.rooms import ORIGIN, PASSWORD, Clock, join, running_app

ALWAYS = Due(1, 0)
SECRETS = ("a text that nobody may read", PASSWORD, "not the passphrase", "mistyped-name", ORIGIN.network)


async def test_everybody_sees_their_own_events_newest_first_and_no_others(database_url) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        with pytest.raises(Unauthenticated):
            await accounts.login(app, ORIGIN, username="alice", password="not the passphrase")
        await sessions.end(app, alice)
        found = await audit.list_own(app, alice, before=None, limit=50)
        assert [(event.action, event.outcome) for event in found][:1] == [("logout", "ok")]
        assert [event.action for event in found] == ["logout", "login", "login", "register"]
        assert [event.title for event in found] == ["Signed out", "Sign-in refused", "Signed in", "Account created"]
        assert {event.network for event in found} == {ORIGIN.network}
        assert found[0].session_id == found[2].session_id == alice.session_id
        assert found[2].device == ORIGIN.agent
        assert all(event.at.endswith("Z") for event in found)
        others = await audit.list_own(app, bob, before=None, limit=50)
        assert not {event.id for event in found} & {event.id for event in others}


async def test_pages_join_without_a_gap(database_url) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        for _ in range(5):
            await models.audit.append(app.db, Record(app.clock(), "step_up", actor_id=alice.user_id))
        whole = await audit.list_own(app, alice, before=None, limit=100)
        paged = []
        while page := await audit.list_own(app, alice, before=paged[-1].id if paged else None, limit=2):
            paged += page
        assert paged == whole
        assert len(whole) == 7


async def test_an_action_without_a_title_is_told_by_its_name() -> None:
    row = models.audit.Stored(1, 1, 1, b"", "factor_removed", "ok", "", "", "", 0, b"", b"", b"")
    assert audit.title(row) == "Factor removed"
    assert audit.title(row._replace(outcome="refused")) == "Factor removed, refused"


async def test_the_log_holds_no_content_no_secret_and_no_name_that_may_be_one(database_url) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        await join(app, "bob")
        await messages.send(app, alice, Outgoing("bob", SECRETS[0], None, None))
        for name, password in (("mistyped-name", "x"), ("alice", SECRETS[2])):
            with pytest.raises(Unauthenticated):
                await accounts.login(app, ORIGIN, username=name, password=password)
        audit.note(app, "origin", origin=ORIGIN, reason="host")
        await audit.flush(app)
        await audit.checkpoint(app, ALWAYS)
        held = b""
        for table in ("audit", "audit_head", "audit_people", "audit_checkpoints"):
            held += b"".join(
                bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                for row in await rows(app, f"SELECT * FROM {table}")
                for value in row
            )
        assert not any(secret.encode() in held for secret in SECRETS)
        actions = {row[0] for row in await rows(app, "SELECT action FROM audit")}
        assert actions == {"register", "login", "origin"}  # and none for a message: who writes to whom stays unsaid


async def _may_list(app: App, caller: Caller) -> bool:
    try:
        await audit.list_own(app, caller, before=None, limit=1)
    except TooMany:
        return False
    return True


async def test_a_limit_that_is_spent_is_noted(database_url) -> None:
    async with running_app(database_url, limits_enabled=True) as app:
        alice = await join(app, "alice")
        while await _may_list(app, alice):
            pass
        await audit.flush(app)
        found = await rows(app, "SELECT action, outcome, actor_id, reason FROM audit ORDER BY id DESC LIMIT 1")
        assert found == [("limit", "refused", alice.user_id, "read.person")]


async def test_damage_that_is_met_is_noted(database_url) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        await messages.send(app, alice, Outgoing("alice", "hi", None, None))
        await app.db.write(execute, "UPDATE messages SET sent_at = sent_at + 1")
        await messages.list_own(app, alice, limit=5, before=None, after=None, peer=None)
        await audit.flush(app)
        found = await rows(app, "SELECT action, actor_id, reason FROM audit ORDER BY id DESC LIMIT 1")
        assert found == [("integrity", alice.user_id, "message")]


async def test_a_checkpoint_is_made_when_it_is_due(database_url) -> None:
    clock = Clock()
    due = Due(records=5, milliseconds=300_000)
    async with running_app(database_url, clock=clock) as app:
        assert await audit.checkpoint(app, due) is None
        await join(app, "alice")
        first = await audit.checkpoint(app, due)
        assert (first.number, first.record) == (1, 2)
        await join(app, "bob")
        assert await audit.checkpoint(app, due) is None
        clock.turn(seconds=300)
        assert (await audit.checkpoint(app, due)).record == 4
        clock.turn(seconds=300)
        assert await audit.checkpoint(app, due) is None  # nothing was recorded since
        await join(app, "dave")
        assert (await audit.checkpoint(app, due)).record == 6
        await models.audit.append_all(app.db, [Record(clock(), "step_up")] * 5)
        assert (await audit.checkpoint(app, due)).record == 11
        await join(app, "carol")
        clock.turn(seconds=-3000)  # a clock that was set back holds nothing up
        assert (await audit.checkpoint(app, due)).record == 13


async def test_checkpoints_go_out_once_each_and_what_is_not_ours_does_not(database_url) -> None:
    async with running_app(database_url) as app:
        lines: list[str] = []
        outlet = Outlet(lines.append)
        for name in ("alice", "bob"):
            await join(app, name)
            await audit.checkpoint(app, ALWAYS)
        assert await audit.export(app, outlet) == 2
        assert await audit.export(app, outlet) == 0
        assert [checkpoints.from_line(line).number for line in lines] == [1, 2]
        await app.db.write(disarm)
        await app.db.write(execute, "UPDATE audit_checkpoints SET record = 1, number = 3 WHERE number = 2")
        assert await audit.export(app, outlet) == 0
        assert len(lines) == 2


async def test_one_that_could_not_be_written_goes_out_the_next_time(database_url) -> None:
    async with running_app(database_url) as app:
        await join(app, "alice")
        await audit.checkpoint(app, ALWAYS)
        lines: list[str] = []

        def full(line: str) -> None:
            raise OSError("no space left on device")

        outlet = Outlet(full)
        with pytest.raises(OSError, match="no space"):
            await audit.export(app, outlet)
        outlet.write = lines.append
        assert await audit.export(app, outlet) == 1
        assert len(lines) == 1


async def test_what_is_too_old_is_closed_off_told_outside_and_dropped(database_url) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        lines: list[str] = []
        await join(app, "alice")
        clock.turn(days=181)
        bob = await join(app, "bob")
        outlet = Outlet(lines.append)
        assert await audit.retain(app, outlet, days=180) == 2
        assert checkpoints.from_line(lines[-1]).floor == 2
        assert [row[0] for row in await rows(app, "SELECT id FROM audit ORDER BY id")] == [3, 4, 5]
        assert await audit.retain(app, outlet, days=180) == 0
        told = await rows(app, "SELECT action, reason FROM audit ORDER BY id DESC LIMIT 1")
        assert told == [("retention", "records=2")]
        outside = [checkpoints.from_line(line) for line in lines]
        assert (await audit_checks.verify_own(app, outside=outside)).faults == []
        assert [event.action for event in await audit.list_own(app, bob, before=None, limit=9)] == ["login", "register"]


async def test_the_last_record_stays_however_old(database_url) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        await join(app, "alice")
        clock.turn(days=400)
        assert await audit.retain(app, Outlet(lambda line: None), days=180) == 1
        assert (await audit_checks.verify_own(app)).faults == []


async def test_keys_of_people_go_over_to_the_current_key(database_url) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        new = make_key()
        app.keys = dataclasses.replace(app.keys, audit=Ring((new, *app.keys.audit.keys)))
        assert await audit.reseal(app) == 1
        await models.audit.append(app.db, Record(app.clock(), "step_up", actor_id=alice.user_id, network="n"))
        await audit.checkpoint(app, ALWAYS)
        app.keys = dataclasses.replace(app.keys, audit=Ring((new,)))
        found = await audit.list_own(app, alice, before=None, limit=9)
        assert [event.network for event in found] == ["n", ORIGIN.network, ORIGIN.network]
        assert (await audit_log.head(app.db)).epoch == 1
