"""Who types and who is online: told to those one has a conversation with, never stored but as a day.

People see one another, or neither the other: not where one of them hides it, nor where one blocks the other. What is
to be told is a set of people, emptied once a second (`turn`), as they are by then: whoever comes and goes many times
is told about once. It is the first to wait when there is much else to do, and nothing ever waits for it.
"""

import asyncio
from collections.abc import Iterable
from typing import TypeVar

import models.presence
from actions import accounts, limits
from actions.app import App, Caller
from actions.times import date_of, day_of
from models.presence import Circle, Meeting
from realtime.connection import Connection
from realtime.events import Presence, Typing

K = TypeVar("K")
V = TypeVar("V")
Pair = tuple[int, int]

# Of how many of a person's conversations they are told, and to how many they are told.
MOST_PEERS = 200
# People, and newcomers, of one turn: after a restart thousands come at once, and there is no hurry.
MOST_AT_ONCE = 200
# A loop that takes so long to come round, or so many messages that wait for their commit, are too much else to do.
LATE_SECONDS = 0.1
MOST_WAITING = 1000


async def typing(app: App, caller: Caller, peer: str) -> None:
    """Tell `peer` that the caller types to them; too often, or to somebody who may not see it: nothing."""
    other = await accounts.known(app, peer)
    if app.to_tell.strained or not await limits.has_room(app, limits.TYPING, f"{caller.user_id} {other.id}"):
        return
    if await may_see(app, caller.user_id, other.id):
        app.bus.publish([(other.id, None)], Typing(caller.username))


def come(app: App, connection: Connection) -> None:
    """Somebody has a connection here; a long poll counts, for it hears at once as well."""
    if app.policy.presence:
        app.presence.come(connection.user_id)


def greet(app: App, connection: Connection) -> None:
    """Show a connection that has gone live who is online."""
    is_there = connection in app.attached  # else it has gone while its log was read
    if is_there and app.policy.presence:
        app.to_tell.newcomers[connection] = None


def go(app: App, connection: Connection, *, is_last: bool) -> None:
    """A connection has gone; `is_last`: there is no other of this person here."""
    for waiting in (app.to_tell.newcomers, app.to_tell.unsure):
        waiting.pop(connection, None)
    if is_last:
        app.presence.go(connection.user_id)


def switch(app: App, user_id: int) -> None:
    """This person has begun or ceased to show themselves: tell them and the others. MUST be true, as in `part`."""
    if app.policy.presence:
        app.to_tell.people[user_id] = True


async def may_see(app: App, one: int, other: int) -> bool:
    """Whether these two see whether the other is online."""
    return any(met.visible for met in await models.presence.meetings(app.db, [_pair(one, other)]))


def meet(app: App, one: int, other: int) -> None:
    """These two may see one another from now on, if they are willing."""
    if app.policy.presence:
        app.to_tell.pairs[_pair(one, other)] = False


def part(app: App, one: int, other: int) -> None:
    """These two saw one another until now. MUST be true: else it would tell each that the other is there."""
    if app.policy.presence:
        app.to_tell.pairs[_pair(one, other)] = True


async def online_among(app: App, user_ids: Iterable[int]) -> set[int]:
    """Which of these are online, on whichever instance."""
    return await app.presence.among(set(user_ids))


async def turn(app: App) -> None:
    """Tell what there is to tell, unless there is too much else to do; called once a second."""
    to_tell, fell_back = app.to_tell, app.presence.fell_back
    for user_id in await app.presence.turn():
        to_tell.people.setdefault(user_id, False)
    if app.presence.fell_back == fell_back:  # the others can be asked again: nobody there will tell by themselves
        to_tell.newcomers |= to_tell.unsure
        to_tell.unsure = {}
    to_tell.strained = await _is_strained(app)
    if to_tell.strained:
        return
    # Taken out before anything is asked: what changes meanwhile is told by the next turn.
    people, pairs, newcomers = _take(to_tell.people), _take(to_tell.pairs), _take(to_tell.newcomers)
    try:
        await _tell_all(app, people, pairs, list(newcomers))
    except BaseException:
        to_tell.people = people | to_tell.people
        to_tell.pairs = pairs | to_tell.pairs
        to_tell.newcomers = newcomers | to_tell.newcomers
        raise


async def _is_strained(app: App) -> bool:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.sleep(0)  # everybody else who is ready has their turn
    return loop.time() - began > LATE_SECONDS or app.writer.waiting > MOST_WAITING


def _take(waiting: dict[K, V]) -> dict[K, V]:
    return {key: waiting.pop(key) for key in list(waiting)[:MOST_AT_ONCE]}


async def _tell_all(app: App, people: dict[int, bool], pairs: dict[Pair, bool], newcomers: list[Connection]) -> None:
    if not (people or pairs or newcomers):
        return
    asked = {*people, *(connection.user_id for connection in newcomers)}
    circles = await models.presence.circles_of(app.db, sorted(asked), most=MOST_PEERS)
    meetings = await models.presence.meetings(app.db, list(pairs))
    peers = {peer for circle in circles.values() for peer, _ in circle.peers}
    fell_back = app.presence.fell_back
    online = await online_among(app, [*asked, *peers, *(user_id for pair in pairs for user_id in pair)])
    if app.presence.fell_back != fell_back:
        app.to_tell.unsure |= {connection: None for connection in newcomers if connection in app.attached}
    await _note_seen(app, people)
    for user_id, switched in people.items():
        circle = circles.get(user_id)
        if circle is not None and (circle.shown or switched):
            _tell(app, user_id, circle, online)
            if switched:
                _tell_themselves(app, user_id, circle, online)
            await asyncio.sleep(0)  # many may be told of one: let others in
    for connection in newcomers:
        if connection.user_id in circles:
            _show(connection, circles[connection.user_id], online)
            await asyncio.sleep(0)
    for meeting in meetings:
        if meeting.visible or pairs[meeting.ids]:
            _tell_both(app, meeting, online)


async def _note_seen(app: App, people: Iterable[int]) -> None:
    day = day_of(app.clock())
    unseen = [user_id for user_id in people if app.seen.get(user_id) != day]
    await models.presence.seen(app.db, unseen, day)
    for user_id in unseen:
        app.seen.put(user_id, day)


def _tell(app: App, user_id: int, circle: Circle, online: set[int]) -> None:
    """Tell the others, as far as they are here, whether this person is."""
    receivers = [(peer, None) for peer, _ in circle.peers if peer in online]
    if not receivers:
        return
    is_online = circle.shown and user_id in online
    # Of who hides nothing more is told, so that it looks like a block.
    last_seen = date_of(day_of(app.clock())) if circle.shown and not is_online else None
    app.bus.publish(receivers, Presence(circle.name, is_online, last_seen))


def _tell_themselves(app: App, user_id: int, circle: Circle, online: set[int]) -> None:
    """On all their devices: who is there, or, to who hides, nobody, whether they are there or not."""
    for peer, name in circle.peers:
        if peer in online or not circle.shown:
            app.bus.publish([(user_id, None)], Presence(name, circle.shown))


def _show(connection: Connection, circle: Circle, online: set[int]) -> None:
    """Who is there; nobody to who hides."""
    for peer, name in circle.peers:
        if circle.shown and peer in online:
            frame = connection.dialect.encode(Presence(name, online=True), None)
            if frame is not None:
                connection.offer(frame)


def _tell_both(app: App, meeting: Meeting, online: set[int]) -> None:
    """Each of the two is there for the other; or, as when one hides it, not any more, whether they are there or not."""
    if not meeting.willing or (meeting.visible and not online.issuperset(meeting.ids)):
        return
    for receiver, name in zip(meeting.ids, reversed(meeting.names), strict=True):
        app.bus.publish([(receiver, None)], Presence(name, meeting.visible))


def _pair(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)
