"""Keys in use: move what the master ring seals to its current key, and try whether everything still opens.

Neither stops anybody from reading or writing: rows go over in small batches, each only if it is as it was read, and
an instance that knows both keys reads either. Both may be ended at any moment and begun again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import models.conversations
import models.keys
from crypto import at_rest, totp, webpush
from crypto.at_rest import ConversationKey, Opener, Parties, Place, Sealed, WrappedKey
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Keys, Ring
from models.db import Database, Row
from models.keys import CONVERSATION_KEYS, PUSH_SUBSCRIPTIONS, SEALED, TOTPS, SealedTable
from models.messages import StoredMessage

MOST_AT_ONCE = 200
MOST_MESSAGES = 500

# A table, how many rows of it have been looked at, and how many of them were changed, so far.
Tell = Callable[[str, int, int], None]
Name = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Damage:
    """A row that does not open: of which table, its key, and why."""

    table: str
    row: Name
    reason: str


@dataclass(frozen=True, slots=True)
class Rotated:
    """How many rows went over to the current key, and which could not, because they do not open."""

    moved: int
    damaged: tuple[Damage, ...]


def _reseal_conversation_key(master: Ring, row: Row) -> tuple[str, bytes]:
    conversation_id, generation, low, high, master_id, wrapped = row
    again = at_rest.rewrap(master, Parties(conversation_id, (low, high)), WrappedKey(generation, master_id, wrapped))
    return again.master_id, again.wrapped


def _reseal_seed(master: Ring, row: Row) -> tuple[str, bytes]:
    user_id, credential_id, master_id, sealed = row
    return totp.seal_seed(
        master, user_id, credential_id, totp.open_seed(master, user_id, credential_id, master_id, sealed)
    )


def _reseal_subscription(master: Ring, row: Row) -> tuple[str, bytes]:
    session_id, user_id, master_id, sealed = row
    opened = webpush.open_subscription(master, user_id, session_id, master_id, sealed)
    return webpush.seal_subscription(master, user_id, session_id, opened)


# How a row of each table is opened, and sealed again by the current key.
RESEAL: Mapping[str, Callable[[Ring, Row], tuple[str, bytes]]] = {
    CONVERSATION_KEYS.name: _reseal_conversation_key,
    TOTPS.name: _reseal_seed,
    PUSH_SUBSCRIPTIONS.name: _reseal_subscription,
}


async def rotate(db: Database, keys: Keys, tell: Tell) -> Rotated:
    """Seal again by the current master key whatever an older one has sealed.

    MUST be called when every running instance seals with that key: what another one adds meanwhile is then sealed
    with it already. A row that does not open stays as it is.
    """
    moved, damaged = 0, []
    for table in SEALED:
        more, broken = await _rotate(db, keys.master, table, tell)
        moved += more
        damaged += broken
    return Rotated(moved, tuple(damaged))


async def _rotate(db: Database, master: Ring, table: SealedTable, tell: Tell) -> tuple[int, list[Damage]]:
    moved, seen, damaged = 0, 0, []
    after: Name | None = None
    while rows := await models.keys.page(db, table, after, limit=MOST_AT_ONCE, unless=master.current.id):
        changes: list[Row] = []
        for row in rows:
            try:
                master_id, value = RESEAL[table.name](master, row)
            except (Tampered, UnknownKey) as error:
                damaged.append(Damage(table.name, row[: table.width], type(error).__name__))
            else:
                changes.append((master_id, value, *row[: table.width], row[-1]))
        moved += await models.keys.put(db, table, changes)
        seen += len(rows)
        after = rows[-1][: table.width]
        tell(table.name, seen, moved)
    return moved, damaged


async def verify(db: Database, keys: Keys, tell: Tell, *, with_messages: bool) -> list[Damage]:
    """Open everything that the master ring has sealed, and every message if that is wanted; what does not open."""
    damaged = []
    for table in SEALED:
        damaged += await _verify(db, keys.master, table, tell)
    return damaged + (await _verify_messages(db, keys.master, tell) if with_messages else [])


async def _verify(db: Database, master: Ring, table: SealedTable, tell: Tell) -> list[Damage]:
    seen, damaged = 0, []
    after: Name | None = None
    while rows := await models.keys.page(db, table, after, limit=MOST_AT_ONCE):
        for row in rows:
            try:
                RESEAL[table.name](master, row)
            except (Tampered, UnknownKey) as error:
                damaged.append(Damage(table.name, row[: table.width], type(error).__name__))
        seen += len(rows)
        after = rows[-1][: table.width]
        tell(table.name, seen, 0)
    return damaged


async def _verify_messages(db: Database, master: Ring, tell: Tell) -> list[Damage]:
    seen, last, damaged = 0, 0, []
    while stored := await models.keys.messages_after(db, last, limit=MOST_MESSAGES):
        texts = [text for message in stored for text in _texts(message)]
        openers = {key: Opener(opened) for key, opened in (await _keys_of(db, master, texts)).items()}
        for message, place, sealed in texts:
            reason = _fault(openers.get(_key_of(message, sealed)), place, sealed)
            if reason is not None:
                damaged.append(Damage("messages", (message.id,), reason))
        seen += len(stored)
        last = stored[-1].id
        tell("messages", seen, 0)
    return damaged


Text = tuple[StoredMessage, Place, Sealed]


def _texts(message: StoredMessage) -> Iterator[Text]:
    """What a row holds: its text, and the one that its recipient still sees, if that is another."""
    if message.body is not None:
        yield message, _place(message, message.revision), _sealed(message.alg, message.key_generation, message.body)
    if (kept := message.kept) is not None:
        yield message, _place(message, kept.revision), _sealed(kept.alg, kept.key_generation, kept.body)


def _place(message: StoredMessage, revision: int) -> Place:
    return Place(message.conversation_id, message.sender_id, message.client_id, message.sent_at, revision)


def _sealed(alg: int, generation: int, body: bytes) -> Sealed:
    return Sealed(alg=alg, key_generation=generation, body=body)


def _key_of(message: StoredMessage, sealed: Sealed) -> tuple[int, int, int, int]:
    people = sorted((message.sender_id, message.recipient_id or 0))
    return (message.conversation_id, sealed.key_generation, people[0], people[1])


async def _keys_of(
    db: Database, master: Ring, texts: Sequence[Text]
) -> dict[tuple[int, int, int, int], ConversationKey]:
    names = {_key_of(message, sealed) for message, _, sealed in texts}
    found = await models.conversations.keys_of(db, sorted({name[:2] for name in names}))
    stored = {(key.conversation_id, key.generation): key for key in found}
    opened = {}
    for name in names:
        key = stored.get(name[:2])
        if key is not None:
            try:
                wrapped = WrappedKey(key.generation, key.master_id, key.wrapped)
                opened[name] = at_rest.unwrap(master, Parties(name[0], name[2:]), wrapped)
            except (Tampered, UnknownKey):
                continue  # it is told of each message
    return opened


def _fault(opener: Opener | None, place: Place, sealed: Sealed) -> str | None:
    if opener is None:
        return "no key"
    try:
        opener.open(place, sealed)
    except Tampered:
        return "Tampered"
    return None
