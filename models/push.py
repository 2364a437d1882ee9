"""Push subscriptions: one for a session, and which of them are to be told that something is new.

A device is told by what it has not acknowledged (`sessions.cursor`), never by whether it seems to be there. What counts
as news is a message of somebody else that is still there and unread, and whose sender is neither blocked nor muted.
Whoever tells a device first claims it: by compare-and-swap, so that of several instances one does, and only until
`not_before`, so that another one does it when that one has died.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import peewee

from models import timelines
from models.db import Database, Engine, Row, execute, fetch, rows_of_marks
from models.messages import THERE, TOLD
from models.timelines import Kind

DROP_ENDPOINT = "DELETE FROM push_subscriptions WHERE mac IN {marks} AND session_id <> %s"
PUT = (
    "INSERT INTO push_subscriptions (session_id, user_id, mac, master_id, sealed, signer_id, created_at, pushed)"
    " SELECT s.id, s.user_id, %s, %s, %s, %s, %s, h.position FROM sessions s JOIN heads h ON h.user_id = s.user_id"
    " WHERE s.id = %s AND s.user_id = %s AND s.ended_at IS NULL"
    " ON CONFLICT (session_id) DO UPDATE SET mac = excluded.mac, master_id = excluded.master_id,"
    " sealed = excluded.sealed, signer_id = excluded.signer_id, created_at = excluded.created_at,"
    " not_before = 0, claim = 0, tries = 0"
)
# Above the bound those go first that were made first.
TOO_MANY = (
    "SELECT session_id FROM push_subscriptions WHERE user_id = %s"
    " ORDER BY created_at DESC, session_id LIMIT %s OFFSET %s"
)
LIST = (
    "SELECT p.session_id, s.device, p.created_at, p.pushed_at FROM push_subscriptions p"
    " JOIN sessions s ON s.id = p.session_id WHERE p.user_id = %s ORDER BY p.created_at, p.session_id"
)
REMOVE = "DELETE FROM push_subscriptions WHERE user_id = %s AND session_id = %s"
# Sessions that run out end without a word.
DEAD = (
    "DELETE FROM push_subscriptions WHERE session_id IN (SELECT p.session_id FROM push_subscriptions p"
    " LEFT JOIN sessions s ON s.id = p.session_id WHERE p.session_id > %s AND p.session_id <= %s"
    " AND (s.id IS NULL OR s.ended_at IS NOT NULL OR s.expires_at <= %s OR s.idle_expires_at <= %s))"
)
# Something has happened that the device has not said it knows.
BEHIND = (
    "SELECT p.session_id, p.user_id, CASE WHEN s.cursor > p.pushed THEN s.cursor ELSE p.pushed END, h.position,"
    " p.pushed, p.not_before FROM push_subscriptions p JOIN sessions s ON s.id = p.session_id"
    " JOIN heads h ON h.user_id = p.user_id JOIN users u ON u.id = p.user_id"
    " WHERE {which} AND h.position > p.pushed AND h.position > s.cursor AND s.user_id = p.user_id"
    " AND s.ended_at IS NULL AND s.expires_at > %s AND s.idle_expires_at > %s AND u.disabled_at IS NULL"
)
BEHIND_OF = BEHIND.format(which="p.user_id IN {marks}")
BEHIND_PAGE = BEHIND.format(which="p.session_id > %s AND p.session_id <= %s")
PAGE_END = (
    "SELECT max(session_id) FROM (SELECT session_id FROM push_subscriptions WHERE session_id > %s"
    " ORDER BY session_id LIMIT %s) AS page"
)
MOST_COUNTED = 1_000
# A block that came after the message keeps it from ringing; looked up one by one, by primary key.
NEWS = (
    "SELECT count(*), min(news.at) FROM (SELECT t.at AS at FROM timelines t JOIN messages m ON m.id = t.message_id"
    " JOIN members own ON own.user_id = t.user_id AND own.conversation_id = t.conversation_id"
    f" WHERE t.user_id = %s AND t.position > %s AND t.position <= %s AND t.kind = {Kind.MESSAGE:d}"
    f" AND t.actor_id <> t.user_id AND {TOLD} AND {THERE} AND m.id > own.read_up_to"
    " AND (SELECT b.at FROM blocks b WHERE b.user_id = t.user_id AND b.blocked_id = t.actor_id) IS NULL"
    " AND (SELECT x.at FROM mutes x WHERE x.user_id = t.user_id AND x.muted_id = t.actor_id) IS NULL"
    " ORDER BY t.position LIMIT %s) AS news"
)
SETTLE = (
    "UPDATE push_subscriptions SET pushed = %s, tries = 0 WHERE session_id = %s AND pushed = %s AND not_before = %s"
)
CLAIM = (
    "UPDATE push_subscriptions SET not_before = %s, claim = %s"
    " WHERE session_id = %s AND user_id = %s AND pushed = %s AND not_before = %s"
    " RETURNING session_id, user_id, master_id, sealed, signer_id, tries"
)
TOLD_NOW = (
    "UPDATE push_subscriptions SET pushed = %s, pushed_at = %s, not_before = 0, claim = 0, tries = 0"
    " WHERE session_id = %s AND claim = %s"
)
GIVE_UP = (
    "UPDATE push_subscriptions SET pushed = %s, not_before = 0, claim = 0, tries = 0"
    " WHERE session_id = %s AND claim = %s"
)
PUT_OFF = "UPDATE push_subscriptions SET not_before = %s, claim = 0, tries = %s WHERE session_id = %s AND claim = %s"
DROP_CLAIMED = "DELETE FROM push_subscriptions WHERE session_id = %s AND claim = %s"


class PushSubscriptions(peewee.Model):
    """Where one session's device is told; `sealed` is for the crypto room."""

    session_id = peewee.BigIntegerField(primary_key=True)
    user_id = peewee.BigIntegerField()
    mac = peewee.BlobField()
    master_id = peewee.TextField()
    sealed = peewee.BlobField()
    signer_id = peewee.TextField()
    created_at = peewee.BigIntegerField()
    pushed = peewee.BigIntegerField()
    pushed_at = peewee.BigIntegerField(null=True)
    not_before = peewee.BigIntegerField(default=0)
    claim = peewee.BigIntegerField(default=0)
    tries = peewee.IntegerField(default=0)

    class Meta:
        legacy_table_names = False


@dataclass(frozen=True, slots=True)
class Stored:
    """A subscription about to be stored; `marks` stand for its endpoint, the first one is kept."""

    session_id: int
    user_id: int
    marks: tuple[bytes, ...]
    master_id: str
    sealed: bytes
    signer_id: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Device:
    """A device that has asked to be told; `pushed_at` is when it last was."""

    session_id: int
    name: str
    created_at: int
    pushed_at: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a device stands: `news` messages of up to `head` that it does not know and nobody has read, from `since` on.

    `pushed` and `not_before` are as they were read; `since` is None where there is no news.
    """

    session_id: int
    user_id: int
    head: int
    pushed: int
    not_before: int
    news: int
    since: int | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A device that is ours to tell until the claim runs out."""

    session_id: int
    user_id: int
    master_id: str
    sealed: bytes
    signer_id: str
    tries: int
    claim: int
    head: int
    news: int


async def put(db: Database, subscription: Stored, *, most: int) -> bool:
    """Store a session's subscription, in the place of one it had; False when the session has ended.

    The same endpoint is nobody else's from then on: a browser has one. Above `most` the person's oldest ones go.
    """
    return await db.write(_put, subscription, most)


def _put(engine: Engine, new: Stored, most: int) -> bool:
    timelines.take_heads(engine, [new.user_id])  # one after the other, or there could be one too many
    text = DROP_ENDPOINT.format(marks=rows_of_marks(1, len(new.marks)))
    execute(engine, text, (*new.marks, new.session_id))
    values = (new.marks[0], new.master_id, new.sealed, new.signer_id, new.created_at, new.session_id, new.user_id)
    if execute(engine, PUT, values) == 0:
        return False
    drop(engine, [row[0] for row in fetch(engine, TOO_MANY, (new.user_id, most, most))])
    return True


async def of_user(db: Database, user_id: int) -> list[Device]:
    """The devices of this person that have asked to be told, the first one first."""
    return [Device(*row) for row in await db.read(fetch, LIST, (user_id,))]


async def remove(db: Database, user_id: int, session_id: int) -> bool:
    """Forget a device of this person; False when it was not told anyway."""
    return await db.write(execute, REMOVE, (user_id, session_id)) == 1


def drop(engine: Engine, session_ids: Sequence[int]) -> None:
    """Forget the subscriptions of these sessions; for the transactions in which sessions end."""
    if session_ids:
        text = f"DELETE FROM push_subscriptions WHERE session_id IN {rows_of_marks(1, len(session_ids))}"
        execute(engine, text, session_ids)


async def standing_of(db: Database, user_ids: Sequence[int], now: int) -> list[Standing]:
    """How the devices of these people stand that have not acknowledged all there is."""
    return await db.read(_standing_of, tuple(user_ids), now) if user_ids else []


def _standing_of(engine: Engine, user_ids: tuple[int, ...], now: int) -> list[Standing]:
    text = BEHIND_OF.format(marks=rows_of_marks(1, len(user_ids)))
    return _standing(engine, fetch(engine, text, (*user_ids, now, now)), now)


async def standing_after(db: Database, session_id: int, now: int, *, limit: int) -> tuple[list[Standing], int | None]:
    """The same for the next `limit` devices behind a session, of everybody; and behind which to go on, None at the end.

    Devices whose session has run out are forgotten on the way.
    """
    end = (await db.read(fetch, PAGE_END, (session_id, limit)))[0][0]
    if end is None:
        return [], None
    await db.write(execute, DEAD, (session_id, end, now, now))
    return await db.read(_standing_after, session_id, end, now), end


def _standing_after(engine: Engine, session_id: int, end: int, now: int) -> list[Standing]:
    return _standing(engine, fetch(engine, BEHIND_PAGE, (session_id, end, now, now)), now)


def _standing(engine: Engine, behind: Sequence[Row], now: int) -> list[Standing]:
    found = []
    for session_id, user_id, known, head, pushed, not_before in behind:
        if not_before > now:
            found.append(Standing(session_id, user_id, head, pushed, not_before, 0, None))
            continue
        ((news, since),) = fetch(engine, NEWS, (user_id, known, head, now, MOST_COUNTED))
        found.append(Standing(session_id, user_id, head, pushed, not_before, news, since))
    return found


async def settle(db: Database, standings: Sequence[Standing]) -> None:
    """Nothing up to their heads is worth telling these devices."""
    if standings:
        await db.write(_settle, tuple(standings))


def _settle(engine: Engine, standings: tuple[Standing, ...]) -> None:
    for each in sorted(standings, key=lambda each: each.session_id):
        execute(engine, SETTLE, (each.head, each.session_id, each.pushed, each.not_before))


async def claim(db: Database, standings: Sequence[Standing], *, claim: int, until: int) -> list[Claimed]:
    """Those of these devices that nobody else has begun to tell: ours until then. `claim` is a number only we know."""
    return await db.write(_claim, tuple(standings), claim, until) if standings else []


def _claim(engine: Engine, standings: tuple[Standing, ...], claim: int, until: int) -> list[Claimed]:
    claimed = []
    for each in sorted(standings, key=lambda each: each.session_id):
        values = (until, claim, each.session_id, each.user_id, each.pushed, each.not_before)
        for session_id, user_id, master_id, sealed, signer_id, tries in fetch(engine, CLAIM, values):
            claimed.append(
                Claimed(session_id, user_id, master_id, bytes(sealed), signer_id, tries, claim, each.head, each.news)
            )
    return claimed


async def told(db: Database, claimed: Claimed, now: int) -> None:
    """The device was told of everything up to the head."""
    await db.write(execute, TOLD_NOW, (claimed.head, now, claimed.session_id, claimed.claim))


async def give_up(db: Database, claimed: Claimed) -> None:
    """The device cannot be told of this; it will be of what comes next."""
    await db.write(execute, GIVE_UP, (claimed.head, claimed.session_id, claimed.claim))


async def put_off(db: Database, claimed: Claimed, *, until: int, tries: int) -> None:
    """The device was not told: try again then."""
    await db.write(execute, PUT_OFF, (until, tries, claimed.session_id, claimed.claim))


async def forget(db: Database, claimed: Claimed) -> bool:
    """The device has gone; False when it has subscribed anew meanwhile."""
    return await db.write(execute, DROP_CLAIMED, (claimed.session_id, claimed.claim)) == 1
