"""What a sender may still do to a message: another text, or take it back."""

import models.changes
import models.messages
import models.users
from actions import conversation_keys, events, limits, messages
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
    """Replace the text of the caller's own message, on every device of both people.

    `NotFound` when it is gone, or was never theirs; `Invalid` for a text that cannot be sent.
    """
    messages.check_content(app, content)
    await limits.spend_here(app, limits.SEND, caller.user_id)
    for _ in range(MOST_TRIES):
        stored = await _own(app, caller, message_id)
        sealed = await _sealed(app, stored, content)
        entries = await models.changes.edit(app.db, _target(stored), sealed, app.clock())
        if entries:
            changed = await models.messages.by_ids(app.db, [message_id])
            message = (await messages.present(app, caller.user_id, changed))[0]
            events.tell_edited(app, entries, message)
            return message
    raise Conflict("The message is being changed elsewhere.")


async def delete(app: App, caller: Caller, message_id: int) -> None:
    """Destroy the text of the caller's own message, on every device of both people."""
    await limits.spend_here(app, limits.SEND, caller.user_id)
    for _ in range(MOST_TRIES):
        stored = await _own(app, caller, message_id)
        entries = await models.changes.delete(app.db, _target(stored), app.clock())
        if entries:
            pair = conversation_keys.people_of(stored)
            events.tell(app, entries, pair, await models.users.names_of(app.db, pair))
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
    return at_rest.seal(key, place, content)


def _target(stored: StoredMessage) -> Target:
    return Target(stored.id, stored.sender_id, stored.revision)
