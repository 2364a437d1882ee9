"""Messages as they are shown, on both engines: what was changed behind our back is told as that, and to nobody else."""

import sqlite3
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from actions import conversations, messages, receipts
from actions.app import App, Caller
from actions.messages import Outgoing
from actions.presentation import UNREADABLE
from tests.actions.stage import change, rows
from tests.rooms import Clock, join, make_keys, running_app


async def send(app: App, caller: Caller, to: str, content: str, client_id: UUID) -> int:
    return (await messages.send(app, caller, Outgoing(to, content, client_id))).message.id


async def listed(app: App, caller: Caller, **which: Any) -> list[str]:
    return [message.content for message in await messages.list_own(app, caller, **({"limit": 100} | which))]


NUMBERS = {"bob 1": 0, "bob 2": 1, "from bob": 2, "carol": 3, "note": 4}
# What is changed of the row of "bob 1"; {n} is the id of message n.
EDITS = {
    "the body of another": "UPDATE messages SET body = (SELECT m.body FROM messages m WHERE m.id = {1}) WHERE id = {0}",
    "body and time of another": (
        "UPDATE messages SET body = (SELECT m.body FROM messages m WHERE m.id = {1}), sent_at ="
        " (SELECT m.sent_at FROM messages m WHERE m.id = {1}) WHERE id = {0}"
    ),
    "the body of the other person": (
        "UPDATE messages SET body = (SELECT m.body FROM messages m WHERE m.id = {2}) WHERE id = {0}"
    ),
    "the body of another conversation": (
        "UPDATE messages SET body = (SELECT m.body FROM messages m WHERE m.id = {3}) WHERE id = {0}"
    ),
    "another conversation": (
        "UPDATE messages SET conversation_id = (SELECT m.conversation_id FROM messages m WHERE m.id = {3})"
        " WHERE id = {0}"
    ),
    "the people swapped": "UPDATE messages SET sender_id = {bob}, recipient_id = {alice} WHERE id = {0}",
    "a changed time": "UPDATE messages SET sent_at = sent_at - 1 WHERE id = {0}",
    "an impossible time": "UPDATE messages SET sent_at = 9000000000000000000 WHERE id = {0}",
    "a time before all times": "UPDATE messages SET sent_at = -9000000000000000000 WHERE id = {0}",
    "an impossible edit": "UPDATE messages SET edited_at = 9000000000000000000 WHERE id = {0}",
    "an impossible end": "UPDATE messages SET expires_at = 9000000000000000000 WHERE id = {0}",
    "another revision": "UPDATE messages SET revision = 1 WHERE id = {0}",
    "another generation": "UPDATE messages SET key_generation = 2 WHERE id = {0}",
    "another algorithm": "UPDATE messages SET alg = 2 WHERE id = {0}",
    "a negative revision": "UPDATE messages SET revision = -1 WHERE id = {0}",
    "no conversation": "UPDATE messages SET conversation_id = 1 WHERE id = {0}",
    "no recipient": "UPDATE messages SET recipient_id = NULL WHERE id = {0}",
    "nobody as recipient": "UPDATE messages SET recipient_id = 77 WHERE id = {0}",
}


async def play(app: App) -> tuple[dict[str, Any], Caller]:
    """Five messages; the ids of the messages and of the people."""
    alice, bob, carol = [await join(app, name) for name in ("alice", "bob", "carol")]
    ids = [
        await send(app, caller, to, content, client_id=UUID(int=number))
        for caller, to, (content, number) in zip(
            (alice, alice, bob, alice, alice), ("bob", "bob", "alice", "carol", "alice"), NUMBERS.items(), strict=True
        )
    ]
    named = {str(number): message_id for number, message_id in enumerate(ids)}
    people = {"alice": alice.user_id, "bob": bob.user_id, "carol": carol.user_id}
    return named | people, alice


def damaged(caplog: pytest.LogCaptureFixture) -> int:
    return sum(record.getMessage() == "message does not open" for record in caplog.records)


COLUMNS = (
    "conversation_id", "sender_id", "recipient_id", "client_id", "sent_at", "expires_at", "edited_at", "revision",
    "alg", "key_generation", "body",
)  # fmt: skip
PLACES = [6, 8, 20, 60, -1]  # the first six bytes are the table's own check
CLIENT_IDS = [b"", b"short", b"x" * 16, b"x" * 40_000]


async def test_an_edited_row_is_a_placeholder_and_the_list_goes_on(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_app(database_url) as app:
        ids, alice = await play(app)
        first = ids["0"]
        row = (await rows(app, f"SELECT {', '.join(COLUMNS)} FROM messages WHERE id = %s", first))[0]
        edits: dict[str, tuple[Any, ...]] = {edit: (filled(text, ids),) for edit, text in EDITS.items()}
        for place in PLACES:
            body = bytearray(row[-1])
            body[place] ^= 1
            edits[f"bit {place}"] = ("UPDATE messages SET body = %s WHERE id = %s", bytes(body), first)
        for given in CLIENT_IDS:
            edits[f"client {given[:6]!r}"] = ("UPDATE messages SET client_id = %s WHERE id = %s", given, first)
        shown, logged = {}, set()
        for edit, (text, *values) in edits.items():
            caplog.clear()
            assert await change(app, text, *values) == 1, edit
            shown[edit] = await listed(app, alice), (await messages.read_one(app, alice, first)).content
            logged |= {edit} if damaged(caplog) else set()
            restored = ", ".join(f"{column} = %s" for column in COLUMNS)
            await change(app, f"UPDATE messages SET {restored} WHERE id = %s", *row, first)
            assert not any(content in caplog.text for content in NUMBERS)
            assert await listed(app, alice) == ["note", "carol", "from bob", "bob 2", "bob 1"]
        expected = (["note", "carol", "from bob", "bob 2", UNREADABLE], UNREADABLE)
        assert shown == dict.fromkeys(edits, expected)
        assert logged == edits.keys()


def filled(text: str, ids: dict[str, Any]) -> str:
    for name, value in ids.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


async def test_only_its_sender_is_told_when_a_message_was_received_and_read(database_url: str) -> None:
    clock = Clock(1_800_000_000_000)
    async with running_app(database_url, clock=clock) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        sent = await send(app, alice, "bob", "seen", UUID(int=9))
        clock.turn(seconds=1)
        await receipts.read(app, bob, peer="alice", up_to=sent)
        when = "2027-01-15T08:00:01.000Z"
        for reader, told in ((alice, (when, when)), (bob, (None, None))):
            found = {message.id: message for message in await messages.list_own(app, reader, limit=100)}
            for message in (found[sent], await messages.read_one(app, reader, sent)):
                assert (message.delivered_at, message.read_at) == told


async def test_a_row_given_to_another_recipient_is_not_readable_there(database_url: str) -> None:
    """Whoever can write to the database, and has an account, still cannot read what others wrote."""
    keys = make_keys()
    async with running_app(database_url, keys) as app:
        ids, _ = await play(app)
        mallory = await join(app, "mallory")
        await change(app, "UPDATE messages SET recipient_id = %s WHERE id = %s", mallory.user_id, ids["0"])
    async with running_app(database_url, keys) as app:
        assert await listed(app, mallory) == [UNREADABLE]
        # Nor with the whole conversation made theirs.
        low, high = sorted((ids["alice"], mallory.user_id))
        moved = "(SELECT m.conversation_id FROM messages m WHERE m.id = %s)"
        text = f"UPDATE conversations SET pair_low = %s, pair_high = %s WHERE id = {moved}"
        assert await change(app, text, low, high, ids["0"]) == 1
        assert await listed(app, mallory, peer="alice") == [UNREADABLE] * 2
        assert await listed(app, mallory) == [UNREADABLE]
        text = f"INSERT INTO members (user_id, conversation_id) VALUES (%s, {moved})"
        await change(app, text, mallory.user_id, ids["1"])
        found = await conversations.list_own(app, mallory, limit=10, before=None)
        assert [summary.last_message.content for summary in found] == [UNREADABLE]


async def test_a_copied_row_is_a_placeholder(database_url: str) -> None:
    async with running_app(database_url) as app:
        ids, alice = await play(app)
        columns = (
            "conversation_id, sender_id, recipient_id, client_made, sent_at, revision, alg, key_generation, body,"
            " sender_position"
        )
        copied = f"INSERT INTO messages (client_id, {columns}) SELECT %s, {columns} FROM messages WHERE id = %s"
        await change(app, copied, b"y" * 16, ids["0"])
        assert await listed(app, alice) == [UNREADABLE, "note", "carol", "from bob", "bob 2", "bob 1"]


async def test_a_sender_whose_row_is_gone_does_not_break_the_list(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        _, alice = await play(app)
        with sqlite3.connect(urlsplit(sqlite_url).path[1:]) as stranger:  # asks for no foreign keys
            stranger.execute("UPDATE users SET id = 99 WHERE key = 'bob'")
        stranger.close()
        assert await listed(app, alice) == ["note", "carol", "from bob", "bob 2", "bob 1"]
