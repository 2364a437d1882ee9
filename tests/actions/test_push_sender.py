"""Who is told by push and when, on both engines: by what a device has not acknowledged, once, and never what."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from actions import blocks, changes, push, push_sender, receipts, sessions
from actions.app import App, Caller
from actions.push_policy import Barred
from actions.push_queue import MOST_FLYING, MOST_TO_ONE, Push, Reply, Unreachable
from actions.push_sender import CLAIM_MILLISECONDS, PAUSES, TOKEN_SECONDS
from crypto.keyring import Ring, make_key
from models.db import Unavailable
from tests.actions.stage import caller_of, change, everything, rows, say, settled, sign_in
from tests.pushes import MOZILLA, Browser, Noting, subscribed, vapid
from tests.rooms import Clock, join, make_app, running_app

DELAY = 5.0
CONTACT = "mailto:admin@chat.example"


@asynccontextmanager
async def pushing(database_url: str, **policy: object) -> AsyncIterator[tuple[App, Noting, Clock]]:
    """An app whose courier notes; nobody turns its wheel but the test."""
    clock = Clock()
    async with running_app(database_url, clock=clock, **policy) as app:
        app.push.courier = noting = Noting()
        app.push.contact = CONTACT
        try:
            yield app, noting, clock
        finally:
            noting.gate.set()
            await settled(app)


async def turn(app: App, clock: Clock, seconds: float = 0) -> None:
    """So much later, one turn, and the end of all that it began."""
    clock.turn(seconds=seconds)
    await push_sender.turn(app)
    await settled(app)


async def sweep(app: App) -> None:
    await push_sender.sweep(app)
    await settled(app)


async def head(app: App, caller: Caller) -> int:
    found = await rows(app, "SELECT position FROM heads WHERE user_id = %s", caller.user_id)
    return int(found[0][0])


@asynccontextmanager
async def second_instance(app: App, clock: Clock) -> AsyncIterator[App]:
    """Another instance on the same database, which has noted nothing."""
    other = make_app(app.db, app.keys, clock)
    other.push = Push(courier=app.push.courier)
    try:
        yield other
    finally:
        await settled(other)
        other.hashing.close()


async def test_a_device_that_does_not_acknowledge_in_time_is_told_once_and_never_what(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        browser = await subscribed(app, bob)
        await say(app, alice, "bob", "the very secret words")
        await turn(app, clock, DELAY - 1)
        assert noting.posts == []
        await turn(app, clock, 1)
        (post,) = noting.posts
        assert post.url == browser.endpoint
        assert browser.read(post.body) == {"new": 1}
        for later in (1, 60, 3600):
            await turn(app, clock, later)
            await sweep(app)
        assert len(noting.posts) == app.push.sent == 1
        assert app.push.waiting == 0


async def test_the_headers_say_how_long_how_urgent_and_who_we_are(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        await say(app, alice, "bob", "hi")
        await turn(app, clock, DELAY)
        (post,) = noting.posts
        claims, public = vapid(post)
        assert claims == {
            "aud": "https://updates.push.services.mozilla.com",
            "exp": clock() // 1000 + TOKEN_SECONDS,
            "sub": CONTACT,
        }
        assert TOKEN_SECONDS <= 24 * 3600
        assert public == await push.public_key(app, bob)
        told = {name: value for name, value in post.headers.items() if name != "Authorization"}
        assert told == {
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": "604800",
            "Topic": "news",
            "Urgency": "high",
        }


async def test_what_a_device_has_acknowledged_rings_on_the_others_only(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        phone = await caller_of(app, await sign_in(app, "bob"))
        at_desk, in_pocket = await subscribed(app, bob), await subscribed(app, phone)
        await say(app, alice, "bob", "hi")
        await receipts.acknowledge(app, bob, 1)
        await turn(app, clock, DELAY)
        assert noting.of(at_desk) == []
        assert noting.of(in_pocket) == [{"new": 1}]


async def test_what_is_read_acknowledged_taken_back_expired_or_ones_own_does_not_ring(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        read = await say(app, alice, "bob", "read elsewhere")
        await receipts.read(app, bob, peer="alice", up_to=read)
        await turn(app, clock, DELAY)
        taken_back = await say(app, alice, "bob", "taken back")
        await changes.delete(app, alice, taken_back)
        await say(app, alice, "bob", "gone by then", ttl=3)
        await say(app, bob, "alice", "mine")
        await say(app, bob, "bob", "a note to myself")
        await turn(app, clock, DELAY)
        await say(app, alice, "bob", "acknowledged")
        await receipts.acknowledge(app, bob, await head(app, bob))
        await turn(app, clock, DELAY)
        await sweep(app)
        assert noting.posts == []
        # … and having been quiet so long, it still rings for what comes next.
        await say(app, alice, "bob", "hi")
        await turn(app, clock, DELAY)
        assert len(noting.posts) == 1


async def test_edits_receipts_and_deletions_ring_nowhere(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        browser = await subscribed(app, bob)
        message = await say(app, alice, "bob", "hi")
        await turn(app, clock, DELAY)
        mine = await say(app, bob, "alice", "hi, Alice")
        await receipts.read(app, alice, peer="bob", up_to=mine)
        await changes.edit(app, alice, message, "hi, Bob")
        await changes.delete(app, alice, message)
        await turn(app, clock, DELAY)
        await sweep(app)
        assert noting.of(browser) == [{"new": 1}]


async def test_who_is_blocked_rings_nowhere_even_if_the_block_came_later(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob, eve = await join(app, "alice"), await join(app, "bob"), await join(app, "eve")
        browser = await subscribed(app, bob)
        await say(app, eve, "bob", "before the block")
        await blocks.add(app, bob, "eve")
        await say(app, eve, "bob", "after the block")
        await turn(app, clock, DELAY)
        await sweep(app)
        assert noting.posts == []
        await say(app, alice, "bob", "hi")
        await say(app, eve, "bob", "again")
        await turn(app, clock, DELAY)
        assert noting.of(browser) == [{"new": 1}]


async def test_many_messages_are_one_push_and_more_of_them_one_more(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, carol, bob = await join(app, "alice"), await join(app, "carol"), await join(app, "bob")
        browser = await subscribed(app, bob)
        for number in range(3):
            await say(app, alice, "bob", f"one {number}")
            await turn(app, clock, 1)
        await say(app, carol, "bob", "two")
        await turn(app, clock, DELAY)
        assert noting.of(browser) == [{"new": 4}]
        await say(app, carol, "bob", "three")
        await turn(app, clock, DELAY)
        assert noting.of(browser) == [{"new": 4}, {"new": 1}]


async def test_a_device_is_not_told_of_what_was_there_before_it_asked(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await say(app, alice, "bob", "old")
        clock.turn(seconds=60)
        browser = await subscribed(app, bob)
        await sweep(app)
        assert noting.posts == []
        await say(app, alice, "bob", "new")
        await turn(app, clock, DELAY)
        assert noting.of(browser) == [{"new": 1}]


async def test_nobody_waits_for_a_push_service_that_does_not_answer(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        noting.gate.clear()
        await say(app, alice, "bob", "one")
        clock.turn(seconds=DELAY)
        await push_sender.turn(app)
        for number in range(20):
            await say(app, alice, "bob", f"more {number}")
        await push_sender.turn(app)
        await push_sender.sweep(app)
        assert len(noting.posts) == 1


@pytest.mark.parametrize("status", [404, 410])
async def test_a_subscription_that_has_ended_is_forgotten(database_url: str, status: int) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        noting.answer = lambda post: Reply(status)
        await say(app, alice, "bob", "hi")
        await turn(app, clock, DELAY)
        assert await push.list_own(app, bob) == []
        assert (app.push.removed, app.push.failed, app.push.sent) == (1, 0, 0)


async def test_a_device_that_subscribed_anew_meanwhile_is_not_forgotten(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        noting.answer = lambda post: Reply(410)
        noting.gate.clear()
        await say(app, alice, "bob", "hi")
        clock.turn(seconds=DELAY)
        await push_sender.turn(app)
        await noting.until(1)
        fresh = await subscribed(app, bob)
        noting.gate.set()
        await settled(app)
        assert len(await push.list_own(app, bob)) == 1
        noting.answer = lambda post: Reply(201)
        await sweep(app)
        assert noting.of(fresh) == [{"new": 1}]


@pytest.mark.parametrize("status", [302, 307, 400, 401, 403, 413])
async def test_what_is_refused_for_good_is_logged_given_up_and_the_next_one_is_sent(
    sqlite_url: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with pushing(sqlite_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        browser = await subscribed(app, bob)
        noting.answer = lambda post: Reply(status)
        await say(app, alice, "bob", "hi")
        with caplog.at_level(logging.WARNING, "recado.push"):
            await turn(app, clock, DELAY)
        (line,) = caplog.records
        assert (line.host, line.reason) == ("updates.push.services.mozilla.com", f"status {status}")  # type: ignore[attr-defined]
        assert browser.endpoint not in str(vars(line))
        await turn(app, clock, 7200)
        await sweep(app)
        assert (len(noting.posts), app.push.failed) == (1, 1)
        noting.answer = lambda post: Reply(201)
        await say(app, alice, "bob", "again")
        await turn(app, clock, DELAY)
        assert app.push.sent == 1


@pytest.mark.parametrize("failure", [Reply(500), Reply(503), Reply(599), Unreachable("a timeout")])
async def test_other_failures_are_tried_again_ever_later_and_then_no_more(sqlite_url: str, failure: object) -> None:
    async with pushing(sqlite_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        noting.answer = lambda post: failure  # type: ignore[return-value,assignment]
        await say(app, alice, "bob", "hi")
        await turn(app, clock, DELAY)
        for tries, pause in enumerate(PAUSES, 1):
            await turn(app, clock, pause - 1)
            await sweep(app)
            assert len(noting.posts) == tries
            await turn(app, clock, 1)
            assert len(noting.posts) == tries + 1
        await turn(app, clock, 86_400)
        await sweep(app)
        assert len(noting.posts) == len(PAUSES) + 1
        assert (app.push.failed, app.push.waiting) == (1, 0)
        assert len(await push.list_own(app, bob)) == 1


async def test_what_has_been_read_meanwhile_is_not_tried_again(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        noting.answer = lambda post: Reply(500)
        message = await say(app, alice, "bob", "hi")
        await turn(app, clock, DELAY)
        await receipts.read(app, bob, peer="alice", up_to=message)
        await turn(app, clock, PAUSES[0])
        assert (len(noting.posts), app.push.failed) == (1, 0)
        noting.answer = lambda post: Reply(201)
        await say(app, alice, "bob", "again")
        await turn(app, clock, DELAY)
        assert (await rows(app, "SELECT tries FROM push_subscriptions")) == [(0,)]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("90", 90), ("0", 1), ("999999999", 86_400), ("Wed, 21 Oct 2026 07:28:00 GMT", 30), ("²", 30), ("-5", 30)],
)
async def test_who_asks_for_time_gets_it(sqlite_url: str, said: str, seconds: int) -> None:
    async with pushing(sqlite_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        noting.answer = lambda post: Reply(429, said)
        await say(app, alice, "bob", "hi")
        await turn(app, clock, DELAY)
        noting.answer = lambda post: Reply(201)
        await turn(app, clock, seconds - 1)
        assert len(noting.posts) == 1
        await turn(app, clock, 1)
        assert (len(noting.posts), app.push.sent) == (2, 1)


async def test_of_several_instances_one_sends(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock), second_instance(app, clock) as other:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        phone = await caller_of(app, await sign_in(app, "bob"))
        browsers = [await subscribed(app, bob), await subscribed(app, phone)]
        await say(app, alice, "bob", "hi")
        other.push.note(bob.user_id, 0)
        clock.turn(seconds=DELAY)
        await asyncio.gather(
            push_sender.turn(app), push_sender.turn(other), push_sender.sweep(app), push_sender.sweep(other)
        )
        await settled(app)
        await settled(other)
        assert [noting.of(browser) for browser in browsers] == [[{"new": 1}], [{"new": 1}]]
        assert app.push.sent + other.push.sent == 2


async def test_when_the_one_that_would_send_dies_another_one_sends_later(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock), second_instance(app, clock) as other:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        browser = await subscribed(app, bob)
        await say(app, alice, "bob", "hi")
        noting.gate.clear()
        clock.turn(seconds=DELAY)
        await push_sender.turn(app)
        await noting.until(1)
        assert len(noting.posts) == 1
        for task in tuple(app.background):  # as a kill does: nothing is written any more
            task.cancel()
        await asyncio.gather(*app.background, return_exceptions=True)
        noting.gate.set()
        noting.posts.clear()
        await sweep(other)
        assert noting.posts == []
        clock.turn(seconds=CLAIM_MILLISECONDS / 1000)
        await sweep(other)
        assert noting.of(browser) == [{"new": 1}]


async def test_what_an_instance_had_noted_when_it_died_the_sweep_of_another_one_finds(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock), second_instance(app, clock) as other:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        browser = await subscribed(app, bob)
        await say(app, alice, "bob", "hi")
        await sweep(other)  # too early: but it is noted there from now on
        assert noting.posts == []
        await turn(other, clock, DELAY)
        assert noting.of(browser) == [{"new": 1}]


async def test_a_sweep_goes_through_all_pages(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_sender, "MOST_IN_PAGE", 2)
    async with pushing(sqlite_url) as (app, noting, clock), second_instance(app, clock) as other:
        alice = await join(app, "alice")
        browsers = []
        for number in range(5):
            browsers.append(await subscribed(app, await join(app, f"person{number}")))
            await say(app, alice, f"person{number}", "hi")
        clock.turn(seconds=DELAY)
        await sweep(other)
        assert [noting.of(browser) for browser in browsers] == [[{"new": 1}]] * 5


async def test_a_session_that_has_ended_or_run_out_is_told_nothing_and_its_subscription_goes(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        signed_out = await caller_of(app, await sign_in(app, "bob"))
        await subscribed(app, bob)
        await subscribed(app, signed_out)
        await say(app, alice, "bob", "hi")
        await sessions.end(app, signed_out)
        assert await rows(app, "SELECT session_id FROM push_subscriptions") == [(bob.session_id,)]
        clock.turn(days=app.policy.refresh_idle_days)
        await turn(app, clock)
        await sweep(app)
        assert noting.posts == []
        assert await rows(app, "SELECT session_id FROM push_subscriptions") == []


async def test_who_is_disabled_is_told_nothing(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        await say(app, alice, "bob", "hi")
        await change(app, "UPDATE users SET disabled_at = %s WHERE id = %s", clock(), bob.user_id)
        await turn(app, clock, DELAY)
        await sweep(app)
        assert noting.posts == []


async def test_a_row_that_was_copied_to_another_person_opens_for_nobody(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob, eve = await join(app, "alice"), await join(app, "bob"), await join(app, "eve")
        await subscribed(app, bob)
        mine = await subscribed(app, eve)
        await change(
            app,
            "UPDATE push_subscriptions SET sealed = (SELECT sealed FROM push_subscriptions WHERE user_id = %s)"
            " WHERE user_id = %s",
            eve.user_id,
            bob.user_id,
        )
        await say(app, alice, "bob", "hi")
        with caplog.at_level(logging.ERROR, "recado.push"):
            await turn(app, clock, DELAY)
        assert noting.of(mine) == noting.posts == []
        assert [line.message for line in caplog.records] == ["a push subscription does not open"]
        await sweep(app)
        assert len(caplog.records) == 1  # it is not tried on and on
        # The row's session and person both moved: it is no session of that person.
        await change(app, "UPDATE push_subscriptions SET user_id = %s WHERE user_id = %s", alice.user_id, eve.user_id)
        await say(app, bob, "alice", "hi")
        await turn(app, clock, DELAY)
        await sweep(app)
        assert noting.posts == []


async def test_nothing_of_a_subscription_is_readable_in_the_database(database_url: str) -> None:
    async with pushing(database_url) as (app, _, _clock):
        bob = await join(app, "bob")
        browser = await subscribed(app, bob)
        stored = await everything(app)
        for secret in (browser.endpoint.encode(), b"mozilla", browser.p256dh, browser.auth):
            assert secret not in stored


async def test_an_endpoint_that_is_not_allowed_any_more_is_not_used(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        app.push.extra_hosts = ("push.example",)
        await subscribed(app, bob, "https://push.example/secret-path")
        app.push.extra_hosts = ()
        await say(app, alice, "bob", "hi")
        with caplog.at_level(logging.WARNING, "recado.push"):
            await turn(app, clock, DELAY)
        assert (noting.posts, app.push.failed) == ([], 1)
        assert "secret-path" not in str([vars(line) for line in caplog.records])


async def test_where_a_name_leads_to_a_private_address_nothing_is_tried_again(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        noting.answer = lambda post: Barred("the name leads to an address that is not public")
        await say(app, alice, "bob", "hi")
        await turn(app, clock, DELAY)
        await turn(app, clock, 7200)
        assert (len(noting.posts), app.push.failed) == (1, 1)


async def test_a_subscription_goes_on_with_the_key_that_it_was_made_for(database_url: str) -> None:
    async with pushing(database_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        old = await push.public_key(app, bob)
        object.__setattr__(app.keys, "push", Ring((make_key(), *app.keys.push.keys)))
        assert await push.public_key(app, bob) != old
        await say(app, alice, "bob", "hi")
        await turn(app, clock, DELAY)
        assert vapid(noting.posts[0])[1] == old


async def test_one_push_service_that_hangs_holds_up_no_other(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actions.push_queue.MOST_TO_ONE", 2)
    async with pushing(sqlite_url) as (app, noting, clock):
        alice = await join(app, "alice")
        slow, people = MOZILLA, [await join(app, f"person{number}") for number in range(4)]
        for person in people[:3]:
            await subscribed(app, person, f"{slow}{person.username}")
        quick = await subscribed(app, people[3], "https://fcm.googleapis.com/fcm/send/quick")
        for person in people:
            await say(app, alice, person.username, "hi")
        noting.gate.clear()
        clock.turn(seconds=DELAY)
        await push_sender.turn(app)
        await noting.until(3)
        assert sorted(post.url.startswith(slow) for post in noting.posts) == [False, True, True]
        noting.gate.set()
        await settled(app)
        assert noting.of(quick) == [{"new": 1}]
        await turn(app, clock, 1)
        assert len(noting.posts) == 4
        assert MOST_TO_ONE < MOST_FLYING


async def test_while_there_is_no_room_nothing_is_claimed(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with pushing(sqlite_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        browser = await subscribed(app, bob)
        await say(app, alice, "bob", "hi")
        with monkeypatch.context() as patch:
            patch.setattr("actions.push_queue.MOST_FLYING", 0)
            await turn(app, clock, DELAY)
            await sweep(app)
            assert noting.posts == []
        await turn(app, clock, 1)
        assert noting.of(browser) == [{"new": 1}]


async def test_while_the_database_is_away_nobody_is_forgotten(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with pushing(sqlite_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        browser = await subscribed(app, bob)
        await say(app, alice, "bob", "hi")

        async def away(*args: object) -> None:
            raise Unavailable("away")

        with monkeypatch.context() as patch:
            patch.setattr("models.push.standing_of", away)
            with pytest.raises(Unavailable):
                await turn(app, clock, DELAY)
        await turn(app, clock, 1)
        assert noting.of(browser) == [{"new": 1}]


async def test_where_it_is_switched_off_nothing_is_noted_or_looked_up(sqlite_url: str) -> None:
    async with pushing(sqlite_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        app.push.courier = None
        await say(app, alice, "bob", "hi")
        await turn(app, clock, DELAY)
        await sweep(app)
        assert (noting.posts, app.push.waiting) == ([], 0)


async def test_a_browser_can_read_what_it_is_sent_and_another_ones_push_it_cannot(sqlite_url: str) -> None:
    async with pushing(sqlite_url) as (app, noting, clock):
        alice, bob = await join(app, "alice"), await join(app, "bob")
        browser = await subscribed(app, bob)
        await say(app, alice, "bob", "hi")
        await turn(app, clock, DELAY)
        assert browser.read(noting.posts[0].body) == {"new": 1}
        with pytest.raises(Exception, match=r"."):
            Browser().read(noting.posts[0].body)
