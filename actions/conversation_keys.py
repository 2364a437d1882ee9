"""The key of each conversation: made with it, wrapped by the master ring, unwrapped into bounded memory.

A key is unwrapped for the two people that a message's row names: a row that was given another recipient does
not open, because the key was wrapped for other people.
"""

import logging
from collections.abc import Sequence

import models.conversations
from actions import audit, presence
from actions.app import App, new_id
from actions.errors import TryLater
from crypto import at_rest
from crypto.at_rest import ConversationKey, Parties, WrappedKey
from crypto.errors import Tampered, UnknownKey
from models.conversations import StoredKey
from models.messages import StoredMessage

log = logging.getLogger("recado.keys")

Pair = tuple[int, int]
KeyName = tuple[int, int, int, int]  # conversation id, generation, and the pair


def pair_of(one: int, other: int) -> Pair:
    """Two people in the order in which a direct conversation names them."""
    return (one, other) if one < other else (other, one)


def people_of(message: StoredMessage) -> Pair:
    """The two people that a message's row names; 0, who is nobody, where it names none."""
    return pair_of(message.sender_id, message.recipient_id or 0)


def name_of(message: StoredMessage) -> KeyName:
    """Which key opens this message."""
    return (message.conversation_id, message.key_generation, *people_of(message))


async def current(app: App, pair: Pair) -> ConversationKey:
    """The key that new messages between these two are sealed with; makes the conversation if there is none.

    Raises `TryLater`, with a log entry, when the stored key is not what this ring wrapped for this pair.
    """
    key = app.current_keys.get(pair)
    if key is not None:
        return key
    stored = await models.conversations.by_pair(app.db, pair)
    if stored is None:
        stored = await _create(app, pair)
    opened = _unwrap(app, stored, pair)
    if opened is None:
        raise TryLater("This conversation cannot be written to now.")
    return app.current_keys.put(pair, opened)


async def of_messages(app: App, messages: Sequence[StoredMessage]) -> dict[KeyName, ConversationKey]:
    """The keys that open these messages; one that is gone or does not unwrap is left out, with a log entry."""
    names = {name_of(message) for message in messages}
    keys = {name: key for name in names if (key := app.conversation_keys.get(name)) is not None}
    unknown = sorted(names - keys.keys())
    wanted = sorted({(conversation_id, generation) for conversation_id, generation, *_ in unknown})
    found = await models.conversations.keys_of(app.db, wanted)
    stored = {(key.conversation_id, key.generation): key for key in found}
    for name in unknown:
        conversation_id, generation, low, high = name
        wrapped = stored.get((conversation_id, generation))
        key = _unwrap(app, wrapped, (low, high)) if wrapped else None
        if key is not None:
            keys[name] = key
    return keys


async def _create(app: App, pair: Pair) -> StoredKey:
    parties = Parties(new_id(), pair)
    _, wrapped = at_rest.make_conversation_key(app.keys.master, parties, 1)
    offered = StoredKey(parties.conversation_id, pair, wrapped.generation, wrapped.master_id, wrapped.wrapped)
    stored = await models.conversations.create(app.db, offered, app.clock())
    presence.meet(app, *pair)
    return stored


def _unwrap(app: App, stored: StoredKey, pair: Pair) -> ConversationKey | None:
    wrapped = WrappedKey(stored.generation, stored.master_id, stored.wrapped)
    try:
        key = at_rest.unwrap(app.keys.master, Parties(stored.conversation_id, pair), wrapped)
    except (Tampered, UnknownKey) as error:
        told = {"conversation": stored.conversation_id, "reason": type(error).__name__}
        log.error("conversation key does not unwrap", extra=told)
        audit.note(app, "integrity", reason="conversation_key")
        return None
    return app.conversation_keys.put((stored.conversation_id, stored.generation, *pair), key)
