"""Who may see whom: people with a conversation, both willing, neither blocking; and on which day they were here."""

from models import blocks, conversations, presence, users
from models.conversations import StoredKey
from models.presence import Circle, Meeting, Peer
from tests.models.storage import NOW, draft, opened, rows

DAY = 20_800


async def talks(db, *pairs: tuple[int, int]) -> None:
    for pair in pairs:
        await conversations.create(db, StoredKey(draft(*pair).conversation_id, pair, 1, "master", b"wrapped"), NOW)


async def circle(db, user_id: int, most: int = 200) -> set[int]:
    """Whom this person may see."""
    found = (await presence.circles_of(db, [user_id], most=most)).get(user_id, Circle("", shown=False, peers=()))
    return {peer for peer, _ in found.peers} if found.shown else set()


async def visible(db, pair: tuple[int, int]) -> list[bool]:
    """Whether these two may see one another, by all three ways of asking."""
    (meeting,) = await presence.meetings(db, [pair])
    conversation_id = draft(*pair).conversation_id
    views = [
        (await presence.peers_of(db, one, [conversation_id]))[conversation_id] == Peer(other, None, True, None)
        for one, other in (pair, pair[::-1])
    ]
    return [meeting.visible, pair[1] in await circle(db, pair[0]), pair[0] in await circle(db, pair[1]), *views]


async def test_a_circle_is_those_with_whom_there_is_a_conversation(database_url) -> None:
    async with opened(database_url, 1, 2, 3, 4) as db:
        await talks(db, (1, 2), (1, 3), (2, 4), (1, 1))
        found = await presence.circles_of(db, [1, 2, 3, 4, 9], most=200)
        assert {user: (one.shown, set(one.peers)) for user, one in found.items()} == {
            1: (True, {(2, "person2"), (3, "person3")}),
            2: (True, {(1, "person1"), (4, "person4")}),
            3: (True, {(1, "person1")}),
            4: (True, {(2, "person2")}),
        }
        assert await presence.circles_of(db, [], most=200) == {}


async def test_each_may_see_the_other_or_neither(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talks(db, (1, 2))
        assert await visible(db, (1, 2)) == [True] * 5
        for user_id in (1, 2):
            await users.change_profile(db, user_id, {"presence": False})
            assert await visible(db, (1, 2)) == [False] * 5
            await users.change_profile(db, user_id, {"presence": True})
        for blocker, blocked in ((1, 2), (2, 1)):
            assert await blocks.add(db, blocker, blocked, NOW)
            assert await visible(db, (1, 2)) == [False] * 5
            assert await blocks.remove(db, blocker, blocked)
        assert await visible(db, (1, 2)) == [True] * 5


async def test_who_hides_still_has_a_circle_that_can_be_told_so(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talks(db, (1, 2))
        await users.change_profile(db, 1, {"presence": False})
        assert await presence.circles_of(db, [1, 2], most=9) == {
            1: Circle("person1", shown=False, peers=((2, "person2"),))
        }


async def test_a_circle_is_bounded_and_prefers_those_who_wrote_last(database_url) -> None:
    async with opened(database_url, *range(1, 7)) as db:
        await talks(db, *((1, other) for other in range(2, 7)))
        text = "UPDATE members SET delivered_up_to = %s WHERE user_id = 1 AND conversation_id = %s"
        for other in (5, 3):
            await db.write(
                lambda engine, other=other: presence.execute(engine, text, (other, draft(1, other).conversation_id))
            )
        assert await circle(db, 1, most=2) == {3, 5}
        assert len(await circle(db, 1, most=4)) == 4


async def test_two_meet_where_there_is_a_conversation(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        await talks(db, (1, 2), (3, 3))
        await blocks.add(db, 2, 1, NOW)
        assert [meeting.visible for meeting in await presence.meetings(db, [(3, 3)])] == [False]
        assert await presence.meetings(db, [(1, 2), (1, 3), (2, 3)]) == [
            Meeting((1, 2), ("person1", "person2"), willing=True, visible=False)
        ]
        await users.change_profile(db, 2, {"presence": False})
        assert [meeting.willing for meeting in await presence.meetings(db, [(1, 2)])] == [False]
        assert await presence.meetings(db, []) == []


async def test_the_peer_of_a_conversation_shows_a_name_always_and_a_day_where_it_may_be_seen(database_url) -> None:
    async with opened(database_url, 1, 2) as db:
        await talks(db, (1, 2), (1, 1))
        await users.change_profile(db, 2, {"display_name": "Bob"})
        await presence.seen(db, [1, 2], DAY)
        talk, notes = draft(1, 2).conversation_id, draft(1, 1).conversation_id
        found = await presence.peers_of(db, 1, [talk, notes])
        assert found == {talk: Peer(2, "Bob", True, DAY), notes: Peer(1, None, False, None)}
        await blocks.add(db, 2, 1, NOW)
        assert (await presence.peers_of(db, 1, [talk]))[talk] == Peer(2, "Bob", False, None)
        assert await presence.peers_of(db, 1, []) == {}


async def test_a_day_goes_forward_and_is_not_noted_of_who_hides(database_url) -> None:
    async with opened(database_url, 1, 2, 3) as db:
        await users.change_profile(db, 3, {"presence": False})
        await presence.seen(db, [1, 3, 9], DAY)
        await presence.seen(db, [1, 2, 3], DAY - 1)
        await presence.seen(db, [], DAY)
        assert await rows(db, "SELECT id, seen_on FROM users ORDER BY id") == [(1, DAY), (2, DAY - 1), (3, None)]


async def test_a_day_is_written_once(database_url) -> None:
    async with opened(database_url, 1) as db:
        assert await db.write(presence._seen, (1,), DAY) == 1
        assert await db.write(presence._seen, (1,), DAY) == 0
