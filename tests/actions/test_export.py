"""One's own data as a file, on both engines: all of it, nobody else's, in little memory, and seen to be whole."""

import asyncio
import io
import json
import tracemalloc
import zipfile
from hashlib import sha256
from typing import Any

import pytest

import models.shown
from actions import blocks, changes, export, messages, mutes, profile, step_up
from actions.app import App, Caller
from actions.errors import Forbidden, TooMany
from actions.messages import Outgoing
from tests.actions.stage import NotingBus, rows
from tests.pushes import Noting, subscribed
from tests.rooms import PASSWORD, Clock, join, running_app

PARTS = ["profile", "sessions", "passkeys", "blocks", "mutes", "push", "security_events", "messages"]


async def send(app: App, caller: Caller, to: str, content: str) -> int:
    return (await messages.send(app, caller, Outgoing(to, content))).message.id


async def taken(app: App, caller: Caller) -> bytes:
    """The whole file."""
    return b"".join([piece async for piece in await export.begin(app, caller)])


def opened(file: bytes) -> dict[str, Any]:
    """Each part by name, its lines as values; the manifest as it is."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert archive.testzip() is None
        found = {name.removesuffix(".jsonl"): archive.read(name) for name in archive.namelist()}
    manifest = json.loads(found.pop("manifest.json"))
    assert [part["name"] for part in manifest["parts"]] == [f"{name}.jsonl" for name in PARTS]
    for part in manifest["parts"]:
        text = found[part["name"].removesuffix(".jsonl")]
        assert (part["bytes"], part["sha256"]) == (len(text), sha256(text).hexdigest())
        assert part["records"] == len(text.splitlines())
    return {name: [json.loads(line) for line in text.splitlines()] for name, text in found.items()} | {
        "manifest": manifest
    }


async def test_the_file_holds_everything_of_ones_own(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await profile.change(app, alice, {"display_name": "Alice Costa", "language": "pt-BR"})
        await blocks.add(app, alice, "bob")
        await blocks.remove(app, alice, "bob")
        first = await send(app, alice, "bob", "=1+1 \N{GRINNING FACE}\n</script>")
        await messages.send(app, bob, Outgoing("alice", "hi, Alice", reply_to=first))
        await send(app, alice, "alice", "note")
        await changes.edit(app, alice, first, "edited")
        await blocks.add(app, alice, "bob")
        await mutes.add(app, alice, "bob")
        app.push.courier = Noting()
        browser = await subscribed(app, alice)
        file = await taken(app, alice)
        found = opened(file)
    assert found["manifest"]["format"] == "recado-export-1"
    assert found["manifest"]["username"] == "alice"
    assert found["profile"] == [
        {
            "username": "alice",
            "display_name": "Alice Costa",
            "language": "pt-BR",
            "receipts": True,
            "presence": True,
            "created_at": found["profile"][0]["created_at"],
        }
    ]
    assert [(each["sender"], each["recipient"], each["content"]) for each in found["messages"]] == [
        ("alice", "alice", "note"),
        ("bob", "alice", "hi, Alice"),
        ("alice", "bob", "edited"),
    ]
    assert [each.get("reply_to") for each in found["messages"]] == [None, first, None]
    assert found["blocks"] == found["mutes"] == [{"username": "bob"}]
    assert [each["session_id"] for each in found["push"]] == [alice.session_id]
    assert browser.endpoint not in str(found)
    assert [each["id"] for each in found["sessions"]] == [alice.session_id]
    assert "export" in {each["action"] for each in found["security_events"]}


async def test_nothing_of_anybody_else_is_in_it(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice, bob, carol = [await join(app, name) for name in ("alice", "bob", "carol")]
        await send(app, bob, "carol", "between us")
        await send(app, carol, "carol", "my own")
        # What was withheld from her stays so; what the other sees of an edit as well.
        await blocks.add(app, alice, "bob")
        await send(app, bob, "alice", "withheld")
        file = await taken(app, alice)
    found = opened(file)
    assert found["messages"] == []
    assert "carol" not in str(found)


async def test_what_signs_somebody_in_is_not_in_it(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        ((hashed,),) = await rows(app, "SELECT password FROM users")
        macs = await rows(app, "SELECT refresh_mac, seal FROM sessions")
        text = str(opened(await taken(app, alice)))
        assert hashed not in text
        assert not any(bytes(mac).hex() in text for row in macs for mac in row)


async def test_whoever_has_not_proved_lately_who_they_are_is_refused(database_url: str) -> None:
    clock = Clock()
    async with running_app(database_url, clock=clock) as app:
        alice = await join(app, "alice")
        clock.turn(seconds=301)
        with pytest.raises(Forbidden) as refused:
            await export.begin(app, alice)
        assert refused.value.code == "step_up_required"
        await step_up.prove(app, alice, password=PASSWORD)
        assert opened(await taken(app, alice))


async def test_it_is_limited_recorded_and_the_other_devices_are_told(database_url: str) -> None:
    async with running_app(database_url, limits_enabled=True) as app:
        bus = NotingBus(app)
        alice = await join(app, "alice")
        for _ in range(3):
            await taken(app, alice)
        with pytest.raises(TooMany):
            await export.begin(app, alice)
        assert len(await rows(app, "SELECT 1 FROM audit WHERE action = 'export'")) == 3
        told = [event for _, event in bus.notices if event.kind == "export"]
        assert len(told) == 3
        assert {event.except_id for event in told} == {alice.session_id}


async def test_many_pages_make_one_list_without_a_gap(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("MOST_MESSAGES", "MOST_IN_PAGE"):
        monkeypatch.setattr(export, bound, 3)
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        ids = [await send(app, alice, "alice", f"note {number}") for number in range(10)]
        for letter in "bcdefgh":
            await join(app, f"friend.{letter}")
            await blocks.add(app, alice, f"friend.{letter}")
        found = opened(await taken(app, alice))
    assert [each["id"] for each in found["messages"]] == ids[::-1]
    assert len({each["username"] for each in found["blocks"]}) == len(found["blocks"]) == 7
    events = [each["id"] for each in found["security_events"]]
    assert events == sorted(set(events), reverse=True)


async def test_a_file_that_was_not_finished_is_seen_to_be_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        await send(app, alice, "alice", "note")
        monkeypatch.setattr(export, "PIECE_BYTES", 1)
        pieces = await export.begin(app, alice)
        begun = [await anext(pieces) for _ in range(3)]
        await pieces.aclose()  # type: ignore[attr-defined]
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(begun)))


async def test_what_is_exported_does_not_stay_in_memory(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same page of large messages, again and again: what is kept at any moment is a few pages."""
    async with running_app(sqlite_url) as app:
        alice = await join(app, "alice")
        # Text that does not shrink.
        await asyncio.gather(*(send(app, alice, "alice", noise(number)) for number in range(50)))
        of_user, turns = models.shown.of_user, []

        async def again(*args: Any) -> Any:
            turns.append(1)
            return await of_user(*(args[0], args[1], export.Page(50), args[3])) if len(turns) <= 40 else []

        monkeypatch.setattr(models.shown, "of_user", again)
        size, most = 0, 0
        tracemalloc.start()
        async for piece in await export.begin(app, alice):
            size += len(piece)
            most = max(most, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert len(turns) == 41
    assert size > 10_000_000
    assert most < size / 2


def noise(seed: int) -> str:
    return "".join(sha256(f"{seed} {number}".encode()).hexdigest() for number in range(200))
