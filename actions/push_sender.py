"""Telling devices by push that something is new, when they have not acknowledged it in time and nobody has read it.

Decided by missing acknowledgement, not by presence: a phone in a pocket may look connected. Many messages are one push.
Whoever stores a message notes its recipient and goes on; everything else happens here, in turns, from what the database
says. A claim makes one of several instances send. One that dies with a claim has told nobody so: when the claim has run
out, the next sweep of any instance sends, so that a push may come twice, and its topic makes one of them.
"""

import logging
import secrets
from collections.abc import Sequence

import msgspec

import models.push
from actions.app import App
from actions.push_policy import Barred, host_of, origin_of
from actions.push_queue import Courier, Reply, Unreachable
from crypto import webpush
from crypto.errors import Tampered, UnknownKey
from crypto.webpush import Subscription
from models.push import Claimed, Standing

log = logging.getLogger("recado.push")

MOST_PEOPLE = 100
MOST_IN_PAGE = 200
# Longer than a courier may take, all in all.
CLAIM_MILLISECONDS = 30_000
# After so many seconds it is tried again, and after the last of them no more.
PAUSES = (30, 120, 600, 3600)
# While a push service is busy with as many as it may have of ours.
BUSY_MILLISECONDS = 1_000
# What does not open now may be mended, but not soon.
DAMAGED_MILLISECONDS = 86_400_000
LONGEST_RETRY_SECONDS = 86_400
# How long a push service keeps it for a device that is switched off.
TTL_SECONDS = 7 * 86_400
TOKEN_SECONDS = 12 * 3600  # RFC 8292 §2: at most 24 hours
GONE = (404, 410)

_ENCODER = msgspec.json.Encoder()


def note(app: App, positions: Sequence[tuple[int, int]]) -> None:
    """A message has been stored, at these places, its sender's first: look after its recipient when it is time."""
    if app.push.courier is not None:
        for user_id, _ in positions[1:]:
            app.push.note(user_id, app.clock() + app.push.delay)


async def turn(app: App) -> None:
    """Look after those for whom it is time."""
    people = app.push.take_due(app.clock(), MOST_PEOPLE) if app.push.courier and app.push.room else []
    if not people:
        return
    try:
        await _consider(app, await models.push.standing_of(app.db, people, app.clock()))
    except BaseException:
        for user_id in people:
            app.push.note(user_id, app.clock() + BUSY_MILLISECONDS)
        raise


async def sweep(app: App) -> None:
    """Find in the database who is owed a push and not noted here: of instances that died, or had no room."""
    behind: int | None = 0
    while app.push.courier is not None and behind is not None:
        found, behind = await models.push.standing_after(app.db, behind, app.clock(), limit=MOST_IN_PAGE)
        await _consider(app, found)


async def _consider(app: App, standings: Sequence[Standing]) -> None:
    """Begin to tell those that are to be told now, and note for later those that may be."""
    now = app.clock()
    ready: list[Standing] = []
    for each in standings:
        due = max(each.not_before, 0 if each.since is None else each.since + app.push.delay)
        if due > now or (each.news and len(ready) >= app.push.room):
            app.push.note(each.user_id, max(due, now + BUSY_MILLISECONDS))
        elif each.news:
            ready.append(each)
    quiet = [each for each in standings if not each.news and each.not_before <= now]
    await models.push.settle(app.db, quiet)
    number = secrets.randbits(62) + 1
    for claimed in await models.push.claim(app.db, ready, claim=number, until=now + CLAIM_MILLISECONDS):
        app.spawn(_tell(app, claimed))


async def _tell(app: App, claimed: Claimed) -> None:
    """Tell one device, and note what became of it."""
    courier = app.push.courier
    subscription = await _opened(app, claimed)
    if subscription is None or courier is None:
        return
    try:
        host = host_of(subscription.endpoint, app.push.extra_hosts)
    except Barred as error:
        await _give_up(app, claimed, "", str(error))
        return
    if not app.push.begin(host):
        await _put_off(app, claimed, app.clock() + BUSY_MILLISECONDS, claimed.tries)
        return
    try:
        reply = await _posted(app, courier, claimed, subscription)
    except Unreachable as error:
        await _try_again(app, claimed, host, str(error))
    except Barred as error:
        await _give_up(app, claimed, host, str(error))
    else:
        await _judge(app, claimed, host, reply)
    finally:
        app.push.end(host)


async def _opened(app: App, claimed: Claimed) -> Subscription | None:
    """The subscription; None, and put off for long, when its row is not as it was written."""
    try:
        app.keys.push.by_id(claimed.signer_id)
        return webpush.open_subscription(
            app.keys.master, claimed.user_id, claimed.session_id, claimed.master_id, claimed.sealed
        )
    except (Tampered, UnknownKey) as error:
        about = {"session": claimed.session_id, "user": claimed.user_id, "reason": type(error).__name__}
        log.error("a push subscription does not open", extra=about)
        app.push.failed += 1
        await models.push.put_off(app.db, claimed, until=app.clock() + DAMAGED_MILLISECONDS, tries=claimed.tries)
        return None


async def _posted(app: App, courier: Courier, claimed: Claimed, subscription: Subscription) -> Reply:
    signer = webpush.signer(app.keys.push.by_id(claimed.signer_id))
    ends = app.clock() // 1000 + TOKEN_SECONDS
    endpoint = subscription.endpoint
    headers = {
        "Authorization": signer.header(origin=origin_of(endpoint), contact=app.push.contact, expires_at=ends),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(TTL_SECONDS),
        "Topic": "news",  # RFC 8030 §5.4: a newer one takes the place of one that still waits
        "Urgency": "high",  # else a phone that sleeps is told when it wakes up by itself
    }
    return await courier.post(endpoint, headers, webpush.encrypt(subscription, _ENCODER.encode({"new": claimed.news})))


async def _judge(app: App, claimed: Claimed, host: str, reply: Reply) -> None:
    """What a push service's reply means (RFC 8030 §5, §7.3)."""
    if 200 <= reply.status < 300:
        app.push.sent += 1
        await models.push.told(app.db, claimed, app.clock())
    elif reply.status in GONE:
        if await models.push.forget(app.db, claimed):
            app.push.removed += 1
    elif reply.status == 429 or reply.status >= 500:
        await _try_again(app, claimed, host, f"status {reply.status}", _seconds(reply.retry_after))
    else:  # a redirect as well: nobody is followed; 413 too, there is nothing to leave out
        await _give_up(app, claimed, host, f"status {reply.status}")


async def _try_again(app: App, claimed: Claimed, host: str, reason: str, wait: int | None = None) -> None:
    if claimed.tries >= len(PAUSES):
        await _give_up(app, claimed, host, reason)
        return
    log.info("push not taken, tried again later", extra={"host": host, "reason": reason, "tries": claimed.tries + 1})
    seconds = PAUSES[claimed.tries] if wait is None else wait
    await _put_off(app, claimed, app.clock() + seconds * 1000, claimed.tries + 1)


async def _put_off(app: App, claimed: Claimed, until: int, tries: int) -> None:
    await models.push.put_off(app.db, claimed, until=until, tries=tries)
    app.push.note(claimed.user_id, until)


async def _give_up(app: App, claimed: Claimed, host: str, reason: str) -> None:
    log.warning("push not sent", extra={"host": host, "reason": reason, "session": claimed.session_id})
    app.push.failed += 1
    await models.push.give_up(app.db, claimed)


def _seconds(retry_after: str) -> int | None:
    """How long to wait, from `Retry-After` in seconds; None for a date, or nothing that can be read."""
    if not (retry_after.isascii() and retry_after.isdecimal() and len(retry_after) < 10):
        return None
    return min(max(1, int(retry_after)), LONGEST_RETRY_SECONDS)
