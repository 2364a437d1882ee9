"""Messages: send one, list one's own, read one.

Sending has two steps, so that a connection can have many in flight and keep their order: `submit`
checks, seals and queues; what it returns is done when the message is durable. Publishing hangs on
the commit, not on whoever waits: a sender who goes away takes nothing back.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

import models.conversations
import models.messages
import models.shown
from actions import accounts, conversation_keys, limits, presentation, push_sender
from actions.app import App, Caller
from actions.errors import Conflict, Invalid, NotFound, Refused, TryLater
from actions.times import when, when_known
from crypto import at_rest
from crypto.at_rest import ConversationKey, Place
from models.db import Unavailable
from models.drafts import Draft, Missing, Stored
from models.messages import Page, StoredMessage
from models.users import User
from models.writer import Full
from realtime.events import Message, MessageSent

__all__ = ["Message", "Outgoing", "Sending", "Sent", "list_own", "read_one", "send", "submit"]

log = logging.getLogger("recado.messages")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What somebody wants to send, its shape checked."""

    recipient: str
    content: str
    client_id: UUID | None = None
    ttl_seconds: int | None = None
    reply_to: int | None = None  # the id of the message that this one quotes


@dataclass(frozen=True, slots=True)
class Sent:
    """A durable message, its place in the sender's timeline, and whether it had been sent before."""

    message: Message
    position: int
    duplicate: bool


Answering = Callable[[Sent], None]


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A message between its acceptance and its commit."""

    app: App
    caller: Caller
    recipient: User
    wanted: Outgoing
    draft: Draft
    answer: Answering | None


Sending = asyncio.Future[Sent]


async def send(app: App, caller: Caller, wanted: Outgoing) -> Sent:
    """Store one private message, then tell every device of both people; returns when it is durable."""
    return await (await submit(app, caller, wanted))


async def submit(app: App, caller: Caller, wanted: Outgoing, answer: Answering | None = None) -> Sending:
    """Check, seal and queue one message; the future is done when it is durable, in the order of the calls.

    `answer` is called with a durable message before it is published: what it gives to a connection stands
    for the event there.

    Raises, or the future does: `Invalid`, `NotFound` (no such recipient), `Conflict` (the `client_id` with another
    body), `TooMany`, `TryLater` (nothing is known to be stored: send it again with the same `client_id`).
    """
    check_content(app, wanted.content)
    check_ttl(app, wanted.ttl_seconds)
    await limits.spend(app, limits.SEND, caller.user_id)
    recipient = await accounts.person(app, wanted.recipient)
    if recipient is None:
        raise NotFound("There is no such recipient.")
    if wanted.reply_to is not None:
        await _check_reply(app, caller, recipient, wanted, wanted.reply_to)
    key = await conversation_keys.current(app, conversation_keys.pair_of(caller.user_id, recipient.id))
    accepted = _Accepted(app, caller, recipient, wanted, _draft(app, caller, recipient, key, wanted), answer)
    try:
        written = app.writer.add(accepted.draft)
    except Full as error:
        raise TryLater("Too many messages wait to be stored.") from error
    sending: Sending = asyncio.get_running_loop().create_future()
    written.add_done_callback(partial(_committed, accepted, sending))
    return sending


def check_content(app: App, content: str) -> None:
    """`Invalid` for a text that cannot be a message."""
    if not content.strip():
        raise Invalid.field("content", "empty", "The message is empty.")
    if len(content) > app.policy.max_length:
        raise Invalid.field("content", "too_long", f"A message has at most {app.policy.max_length} characters.")


def check_ttl(app: App, seconds: int | None) -> None:
    """`Invalid` for a time that no message can last."""
    if seconds is not None and not 1 <= seconds <= app.policy.max_ttl_seconds:
        raise Invalid.field("ttl_seconds", "out_of_range", f"Between 1 and {app.policy.max_ttl_seconds} seconds.")


async def _check_reply(app: App, caller: Caller, recipient: User, wanted: Outgoing, reply_to: int) -> None:
    """`Invalid` unless the message that is quoted is one of these two people's, and there for the caller.

    One that is hidden from them, that has ended, or that is other people's looks like one that does not exist.
    """
    if await models.messages.is_between(app.db, caller.user_id, recipient.id, reply_to, app.clock()):
        return
    # Sent again after a lost answer, when what it quotes has gone meanwhile: the first result is found.
    client_id = wanted.client_id
    if client_id is None or not await models.messages.is_known(app.db, caller.user_id, client_id.bytes):
        raise Invalid.field("reply_to", "not_found", "There is no such message in this conversation.")


def _draft(app: App, caller: Caller, recipient: User, key: ConversationKey, wanted: Outgoing) -> Draft:
    now = app.clock()
    client_id = (wanted.client_id or uuid4()).bytes
    place = Place(key.conversation_id, caller.user_id, client_id, now, 0)
    return Draft(
        conversation_id=key.conversation_id,
        sender_id=caller.user_id,
        recipient_id=recipient.id,
        client_id=client_id,
        client_made=wanted.client_id is not None,
        sent_at=now,
        expires_at=None if wanted.ttl_seconds is None else now + wanted.ttl_seconds * 1000,
        sealed=at_rest.seal(key, place, wanted.content, wanted.reply_to),
    )


def _committed(accepted: _Accepted, sending: Sending, written: "asyncio.Future[Stored]") -> None:
    """Publish what has been committed, and tell whoever sent it. Runs in commit order."""
    failure = _failure(written)
    if failure is not None:
        _settle(sending, failure)
        return
    stored = written.result()
    if stored.duplicate is not None:
        repeat = asyncio.ensure_future(_repeat(accepted, stored.duplicate))
        repeat.add_done_callback(partial(_settle_from, sending))
        return
    sent = Sent(_shown(accepted, stored.message_id), stored.positions[0][1], duplicate=False)
    if accepted.answer is not None:
        accepted.answer(sent)
    app = accepted.app
    app.bus.publish(stored.positions, MessageSent(sent.message))
    app.lateness.note(app.writer.committed_at)
    push_sender.note(app, stored.positions)
    _settle(sending, sent)


def _shown(accepted: _Accepted, message_id: int) -> Message:
    draft = accepted.draft
    return Message(
        id=message_id,
        sender=accepted.caller.username,
        recipient=accepted.recipient.name,
        content=accepted.wanted.content,
        timestamp=when(draft.sent_at),
        client_id=str(accepted.wanted.client_id) if draft.client_made else None,
        expires_at=when_known(draft.expires_at),
        reply_to=accepted.wanted.reply_to,
    )


async def _repeat(accepted: _Accepted, first: StoredMessage) -> Sent:
    """The first answer again, if it is the first message again; what has expired is gone from it."""
    if first.expires_at is not None and first.expires_at <= accepted.app.clock():
        first = first._replace(body=None)
    shown = (await presentation.present(accepted.app, accepted.caller.user_id, [first]))[0]
    if not _is_same(accepted, first, shown):
        raise Conflict("This client_id was used for another message.")
    return Sent(shown, first.sender_position, duplicate=True)


def _is_same(accepted: _Accepted, first: StoredMessage, shown: Message) -> bool:
    wanted = accepted.wanted
    ttl = None if first.expires_at is None else (first.expires_at - first.sent_at) // 1000
    # What was edited since, deleted or destroyed cannot be compared: the id, the people and the time must do.
    comparable = first.body is not None and first.revision == 0
    same = not comparable or (shown.content, shown.reply_to) == (wanted.content, wanted.reply_to)
    return same and first.recipient_id == accepted.recipient.id and ttl == wanted.ttl_seconds


def _failure(done: asyncio.Future[Stored] | asyncio.Future[Sent]) -> Exception | None:
    """Why there is no result, as whoever sent it is told; None when there is one."""
    error = asyncio.CancelledError() if done.cancelled() else done.exception()
    if error is None or isinstance(error, Refused):
        return error
    if isinstance(error, Missing):
        return NotFound("There is no such recipient.")
    if isinstance(error, Unavailable) or not isinstance(error, Exception):
        return TryLater("The message could not be stored now. Send it again.")
    log.error("message not stored", extra={"reason": type(error).__name__})
    return error


def _settle(sending: Sending, outcome: Sent | Exception) -> None:
    if sending.done():
        return
    if isinstance(outcome, Exception):
        sending.set_exception(outcome)
        sending.exception()  # whoever sent it may have gone: that is not an error of ours
    else:
        sending.set_result(outcome)


def _settle_from(sending: Sending, repeat: "asyncio.Future[Sent]") -> None:
    _settle(sending, _failure(repeat) or repeat.result())


async def list_own(
    app: App,
    caller: Caller,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
    peer: str | None = None,
) -> list[Message]:
    """A page of the messages the caller sent or received, newest first; with `peer`, only those with that person.

    `before` and `after` are message ids; with `after`, the page holds those nearest to it. Raises `NotFound`
    when there is no such person.
    """
    await limits.spend(app, limits.READ, caller.user_id)
    page = Page(limit, before, after)
    if peer is None:
        found = await models.shown.of_user(app.db, caller.user_id, page, app.clock())
        return await presentation.show(app, caller.user_id, found)
    other = await accounts.known(app, peer)
    pair = conversation_keys.pair_of(caller.user_id, other.id)
    conversation_id = await models.conversations.id_of_pair(app.db, pair)
    if conversation_id is None:
        return []
    found = await models.shown.within(app.db, conversation_id, (caller.user_id, other.id), page, app.clock())
    return await presentation.show(app, caller.user_id, found)


async def read_one(app: App, caller: Caller, message_id: int) -> Message:
    """One message; somebody else's looks like one that does not exist."""
    await limits.spend(app, limits.READ, caller.user_id)
    stored = await models.messages.one_of(app.db, caller.user_id, message_id, app.clock())
    if stored is None:
        raise NotFound("There is no such message.")
    return (await presentation.present(app, caller.user_id, [stored]))[0]
