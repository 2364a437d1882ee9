"""Messages as they are shown: their text opened, the people named, the receipts told to whoever may know them."""

import logging
from collections.abc import Sequence
from uuid import UUID

import models.shown
from actions import audit, conversation_keys
from actions.app import App
from actions.times import when, when_known
from crypto.at_rest import Opened, Opener, Place, Sealed
from crypto.errors import Tampered
from models.messages import StoredMessage
from models.shown import Shown
from realtime.events import Message

log = logging.getLogger("recado.messages")

# What is left of a message whose text has been destroyed.
NOTHING = Opened("")
# Shown in the place of a message whose row was changed behind our back.
UNREADABLE = "\N{WARNING SIGN} This message was damaged and cannot be shown."


async def present(app: App, reader_id: int, stored: Sequence[StoredMessage]) -> list[Message]:
    """Messages that were read already, as `show` gives them."""
    return await show(app, reader_id, await models.shown.these(app.db, stored))


async def show(app: App, reader_id: int, found: Sequence[Shown]) -> list[Message]:
    """Open these messages for one of their two people; what cannot be opened becomes a placeholder.

    So does what was brought to somebody it does not name, as by a row that makes them a member. Whoever blocks the
    sender is shown the text that they saw before the edits since.
    """
    found = [_as_seen_by(reader_id, shown) for shown in found]
    theirs = [shown.message for shown in found if reader_id in conversation_keys.people_of(shown.message)]
    keys = await conversation_keys.of_messages(app, theirs)
    openers = {name: Opener(key) for name, key in keys.items()}
    opened = [(shown, _open(shown.message, openers.get(conversation_keys.name_of(shown.message)))) for shown in found]
    if any(content is None for _, content in opened):
        audit.note(app, "integrity", user_id=reader_id, reason="message")
    return [_show(shown, content) for shown, content in opened]


async def reply_of(app: App, stored: StoredMessage) -> int | None:
    """The id of the message that this one quotes; None when it quotes none, or cannot be opened."""
    keys = await conversation_keys.of_messages(app, [stored])
    key = keys.get(conversation_keys.name_of(stored))
    opened = _open(stored, None if key is None else Opener(key))
    return None if opened is None else opened.reply_to


def _as_seen_by(reader_id: int, shown: Shown) -> Shown:
    message = shown.message
    if not _is_told(message, reader_id):
        shown = shown._replace(delivered_at=None, read_at=None)
    kept = message.kept
    if kept is None or reader_id == message.sender_id:
        return shown
    before = message._replace(
        edited_at=kept.edited_at,
        revision=kept.revision,
        alg=kept.alg,
        key_generation=kept.key_generation,
        body=kept.body,
        kept=None,
    )
    return shown._replace(message=before)


def _is_told(message: StoredMessage, reader_id: int) -> bool:
    """Whether receipts for it are the reader's to see: the sender's, of what went to somebody else."""
    return message.sender_id == reader_id and message.recipient_id not in (None, reader_id)


def _show(shown: Shown, opened: Opened | None) -> Message:
    message = shown.message
    try:
        return Message(
            id=message.id,
            sender=shown.sender,
            recipient=shown.recipient,
            content=UNREADABLE if opened is None else opened.text,
            timestamp=when(message.sent_at),
            client_id=str(UUID(bytes=message.client_id)) if message.client_made else None,
            reply_to=None if opened is None else opened.reply_to,
            expires_at=when_known(message.expires_at),
            edited_at=when_known(message.edited_at),
            delivered_at=when_known(shown.delivered_at),
            read_at=when_known(shown.read_at),
        )
    except (ValueError, OverflowError, OSError):
        log.error("message does not open", extra={"message_id": message.id, "reason": "impossible values"})
        return Message(message.id, shown.sender, shown.recipient, UNREADABLE, when(0))


def _open(message: StoredMessage, opener: Opener | None) -> Opened | None:
    """What was sealed, an empty text when it has been destroyed, None when it cannot be opened."""
    if message.body is None:
        return NOTHING
    place = Place(message.conversation_id, message.sender_id, message.client_id, message.sent_at, message.revision)
    sealed = Sealed(alg=message.alg, key_generation=message.key_generation, body=message.body)
    try:
        if opener is not None:
            return opener.open(place, sealed)
    except Tampered:
        log.error("message does not open", extra={"message_id": message.id, "reason": "tampered"})
        return None
    log.error("message does not open", extra={"message_id": message.id, "reason": "no key"})
    return None
