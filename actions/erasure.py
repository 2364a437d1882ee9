"""Destruction: an own conversation, the own account, and the keys that opened what is gone.

What somebody has deleted is gone from every answer at once, its ciphertext from the database with the next steps, and
the conversation's key, which alone could open what copies of the database still hold, some minutes later. Each step
is durable: another instance, or the next start, goes on where one has ended.
"""

import asyncio
import logging
import secrets
from collections.abc import Iterator, Sequence

import models.conversations
import models.doomed_keys
import models.erasure
import models.users
from actions import accounts, audit, conversation_keys, events, limits, sessions, step_up
from actions.app import App, Caller
from actions.errors import NotFound
from actions.names import parse_name
from crypto import at_rest, passwords, tombstones
from crypto.at_rest import ConversationKey, Opener, Parties, Place, Sealed
from crypto.errors import Tampered
from models.conversations import StoredKey
from models.doomed_keys import Doomed, Resealed
from models.erasure import Gone, Job
from models.messages import StoredMessage

log = logging.getLogger("recado.erasure")

MOST_AT_ONCE = 200
MOST_RESEALED = 100
MOST_KEYS = 50
# Between two steps the database is left to others.
PAUSE_SECONDS = 0.01
# How long whoever asks waits for the end of it; then it goes on without them.
WAIT_SECONDS = 5.0
# Nobody has gone on for that long: whoever did has died. An account's last step waits as long, so that every
# instance has heard of its sessions' end by then.
STALE_MILLISECONDS = 60_000
# Twice as long as any instance remembers a key: what it seals meanwhile by the old one must still open.
KEY_MILLISECONDS = 1_200_000
DAY_MILLISECONDS = 86_400_000


async def delete_conversation(app: App, caller: Caller, username: str) -> bool:
    """Delete the caller's conversation with somebody: what they wrote is destroyed, what the other wrote leaves them.

    What comes later is a new beginning. Returns whether all is done; else it goes on, whatever becomes of this
    instance. `NotFound` when there is no such person, or no conversation with them.
    """
    await limits.spend(app, limits.ERASE, caller.user_id)
    other = await accounts.known(app, username)
    pair = conversation_keys.pair_of(caller.user_id, other.id)
    conversation_id = await models.conversations.id_of_pair(app.db, pair)
    if conversation_id is None:
        raise NotFound("There is no such conversation.")
    record = audit.act(app, caller, "conversation_deleted")
    job = await models.erasure.begin_conversation(app.db, caller.user_id, conversation_id, app.clock(), record)
    return await _within(app, job)


async def erase_account(
    app: App, caller: Caller, *, password: str, otp: str | None = None, recovery_code: str | None = None
) -> bool:
    """Erase the caller's account: nobody can sign in by it, write to it or take its name from now on.

    Returns whether all that they wrote is destroyed already; else that goes on. Errors of `step_up.prove`.
    """
    await step_up.prove(app, caller, password=password, otp=otp, recovery_code=recovery_code)
    user = await models.users.by_id(app.db, caller.user_id)
    if user is None:
        raise NotFound("There is no such account.")
    marks = tombstones.marks(app.keys.token, user.key, parse_name(user.name).looks)
    begun = await models.erasure.begin_account(
        app.db,
        user.id,
        name=_name_of_nobody(),
        password=passwords.dummy(app.policy.bcrypt_rounds),
        marks=marks,
        now=app.clock(),
        record=audit.act(app, caller, "account_erased"),
    )
    app.people.drop(user.key)
    if begun is None:
        return True
    job, ended = begun
    sessions.tell_ended(app, user.id, ended, "erased")
    return await _within(app, job)


async def resume(app: App) -> None:
    """Go on with what nobody goes on with, destroy the keys that are due, overwrite what was deleted."""
    now = app.clock()
    for job in await models.erasure.stale(app.db, now=now, untouched_since=now - STALE_MILLISECONDS):
        await _work(app, job)
    await shred(app)
    await models.erasure.scrub(app.db, rows=False)


async def shred(app: App) -> int:
    """Destroy the conversation keys that are due; how many these were.

    What others wrote under such a key is sealed by the conversation's present one first.
    """
    now, destroyed = app.clock(), 0
    for doomed in await models.doomed_keys.due(app.db, now=now, limit=MOST_KEYS):
        await _reseal(app, doomed)
        if await models.doomed_keys.destroy_key(app.db, doomed):
            destroyed += 1
        else:
            # A text that does not open may be mended one day; without its key it could not.
            log.error("a key is still needed", extra={"conversation": doomed.conversation_id})
            await models.doomed_keys.postpone(app.db, doomed, now + DAY_MILLISECONDS)
    return destroyed


async def _within(app: App, job: Job) -> bool:
    """Work on a job, and wait for its end as long as somebody who has asked may be kept."""
    working = app.begin(_work(app, job))
    done, _ = await asyncio.wait({working}, timeout=WAIT_SECONDS)
    return bool(done)


async def _work(app: App, job: Job) -> None:
    while (gone := await models.erasure.step(app.db, job, limit=MOST_AT_ONCE, now=app.clock())).pairs:
        await _tell(app, gone)
        await asyncio.sleep(PAUSE_SECONDS)
    await (_end_account(app, job) if job.is_account else _end_conversation(app, job))
    await models.erasure.scrub(app.db, rows=job.is_account)


async def _end_conversation(app: App, job: Job) -> None:
    await _renew_key(app, job.conversation_id)
    await models.erasure.end(app.db, job)


async def _end_account(app: App, job: Job) -> None:
    while (conversation_id := await models.erasure.next_membership(app.db, job.user_id)) is not None:
        await _renew_key(app, conversation_id)
        await models.erasure.leave(app.db, job.user_id, conversation_id)
    forgotten = 1
    while forgotten:
        forgotten = await models.erasure.forget_events(app.db, job.user_id)
        await asyncio.sleep(PAUSE_SECONDS)
    if app.clock() - job.begun_at >= STALE_MILLISECONDS:
        await models.erasure.end(app.db, job)
        log.info("an account has been erased", extra={"user": job.user_id})


async def _tell(app: App, gone: Gone) -> None:
    people = sorted({person for pair in gone.pairs.values() for person in pair})
    names = await models.users.names_of(app.db, people)
    for entry in gone.entries:
        events.tell(app, [entry], gone.pairs[entry.message_id], names)


async def _renew_key(app: App, conversation_id: int) -> None:
    """Let a conversation go on with a fresh key; those it had are destroyed when nobody can be using them."""
    stored = await models.doomed_keys.newest_key(app.db, conversation_id)
    if stored is None:
        return
    parties = Parties(conversation_id, stored.pair)
    _, wrapped = at_rest.make_conversation_key(app.keys.master, parties, stored.generation + 1)
    fresh = StoredKey(conversation_id, stored.pair, wrapped.generation, wrapped.master_id, wrapped.wrapped)
    await models.doomed_keys.doom(app.db, fresh, after=app.clock() + KEY_MILLISECONDS)
    app.current_keys.drop(stored.pair)


async def _reseal(app: App, doomed: Doomed) -> None:
    """Seal by the present key of a conversation what an older one has sealed there, as far as it opens."""
    newest = await models.doomed_keys.newest_key(app.db, doomed.conversation_id)
    if newest is None or newest.generation <= doomed.generation:
        return
    key = await conversation_keys.current(app, newest.pair)
    above = 0
    while stored := await models.doomed_keys.sealed_under(app.db, doomed, above=above, limit=MOST_RESEALED):
        above = stored[-1].id
        faces = [face for message in stored for face in _faces(message) if face.key_generation == doomed.generation]
        openers = {name: Opener(key) for name, key in (await conversation_keys.of_messages(app, faces)).items()}
        await models.doomed_keys.reseal(app.db, list(_resealed(faces, openers, key, stored)))
        await asyncio.sleep(PAUSE_SECONDS)


def _faces(message: StoredMessage) -> Iterator[StoredMessage]:
    """The message as its sender sees it, and as its recipient does where that is another text."""
    yield message
    if (kept := message.kept) is not None:
        yield message._replace(
            edited_at=kept.edited_at,
            revision=kept.revision,
            alg=kept.alg,
            key_generation=kept.key_generation,
            body=kept.body,
            kept=None,
        )


def _resealed(
    faces: Sequence[StoredMessage],
    openers: dict[conversation_keys.KeyName, Opener],
    key: ConversationKey,
    stored: Sequence[StoredMessage],
) -> Iterator[Resealed]:
    own = {message.id: message.body for message in stored}
    for face in faces:
        opener = openers.get(conversation_keys.name_of(face))
        if opener is None or face.body is None:
            continue
        place = Place(face.conversation_id, face.sender_id, face.client_id, face.sent_at, face.revision)
        try:
            opened = opener.open(place, Sealed(alg=face.alg, key_generation=face.key_generation, body=face.body))
        except Tampered:
            continue
        sealed = at_rest.seal(key, place, opened.text, opened.reply_to)
        kept = own[face.id] != face.body
        yield Resealed(face.id, face.revision, face.body, sealed.alg, sealed.key_generation, sealed.body, kept)


def _name_of_nobody() -> str:
    """A name that tells nothing, under which the others still find what they wrote themselves."""
    return f"deleted-{secrets.token_hex(6)}"
