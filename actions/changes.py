"""What a sender may still do to a message: another text, or take it back."""

import models.changes
import models.messages
import models.users
from actions import conversation_keys, events, limits, messages, presentation
from actions.app import App, Caller
from actions.errors import Conflict, NotFound
from actions.messages import Message
from crypto import at_rest
from crypto.at_rest import Place, Sealed
from models.changes import Target
from models.messages import StoredMessage

# Each failed try means that another of the person's devices has changed the message.
MOST_TRIES = 5


async def edit(app: App, caller: Caller, message_id: int, content: str) -> Message:
    """Replace the text of the caller's own message, on every device of both people; it quotes what it quoted.

    `NotFound` when it is gone, or was never theirs; `Invalid` for a text that cannot be sent.
    """
    messages.check_content(app, content)
    await limits.spend(app, limits.SEND, caller.user_id)
    for _ in range(MOST_TRIES):
        stored = await _own(app, caller, message_id)
        sealed, now = await _sealed(app, stored, content), app.clock()
        # Made before the commit, of this very text: nothing that comes after it can get between it and the telling.
        message = await _shown(app, caller, stored, sealed, now)
        entries = await models.changes.edit(app.db, _target(stored), sealed, now)
        if entries:
            events.tell_edited(app, entries, message)
            return message
    raise Conflict("The message is being changed elsewhere.")


async def delete(app: App, caller: Caller, message_id: int) -> None:
    """Destroy the text of the caller's own message, on every device of both people."""
    await limits.spend(app, limits.SEND, caller.user_id)
    for _ in range(MOST_TRIES):
        stored = await _own(app, caller, message_id)
        pair = conversation_keys.people_of(stored)
        names = await models.users.names_of(app.db, pair)
        entries = await models.changes.delete(app.db, _target(stored), app.clock())
        if entries:
            events.tell(app, entries, pair, names)
            return
    raise Conflict("The message is being changed elsewhere.")


async def _own(app: App, caller: Caller, message_id: int) -> StoredMessage:
    stored = await models.messages.one_of(app.db, caller.user_id, message_id, app.clock())
    if stored is None or stored.sender_id != caller.user_id:
        raise NotFound("There is no such message of yours.")
    return stored


async def _sealed(app: App, stored: StoredMessage, content: str) -> Sealed:
    key = await conversation_keys.current(app, conversation_keys.people_of(stored))
    place = Place(stored.conversation_id, stored.sender_id, stored.client_id, stored.sent_at, stored.revision + 1)
    return at_rest.seal(key, place, content, await presentation.reply_of(app, stored))


async def _shown(app: App, caller: Caller, stored: StoredMessage, sealed: Sealed, now: int) -> Message:
    """The message as it will be stored."""
    changed = stored._replace(
        edited_at=now,
        revision=stored.revision + 1,
        alg=sealed.alg,
        key_generation=sealed.key_generation,
        body=sealed.body,
    )
    return (await presentation.present(app, caller.user_id, [changed]))[0]


def _target(stored: StoredMessage) -> Target:
    return Target(stored.id, stored.sender_id, stored.revision)
