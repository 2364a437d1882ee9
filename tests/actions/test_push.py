"""Asking to be told by push, on both engines: what is taken, whose it is, and when it goes."""

from dataclasses import replace

import pytest

from actions import erasure, keys, limits, push, sessions
from actions.app import App
from actions.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthenticated
from actions.push import MOST_DEVICES, Wanted
from crypto.keyring import Keys, Ring, make_key
from crypto.webpush import open_subscription, signer
from models.push import Device
from tests.actions.stage import caller_of, rows, sign_in
from tests.pushes import Browser, Noting, subscribed, text
from tests.rooms import PASSWORD, join, running_app

WANTED = Browser().wanted


def switch_on(app: App) -> None:
    app.push.courier = Noting()


async def sessions_of(app: App) -> list[int]:
    return [row[0] for row in await rows(app, "SELECT session_id FROM push_subscriptions ORDER BY session_id")]


async def test_a_session_has_one_subscription_and_another_one_takes_its_place(database_url: str) -> None:
    async with running_app(database_url) as app:
        switch_on(app)
        bob = await join(app, "bob")
        assert await push.list_own(app, bob) == []
        await subscribed(app, bob)
        newest = await subscribed(app, bob)
        assert await push.list_own(app, bob) == [Device(bob.session_id, "test", app.clock(), None)]
        ((master_id, sealed),) = await rows(app, "SELECT master_id, sealed FROM push_subscriptions")
        opened = open_subscription(app.keys.master, bob.user_id, bob.session_id, master_id, bytes(sealed))
        assert (opened.endpoint, opened.p256dh, opened.auth) == (newest.endpoint, newest.p256dh, newest.auth)


async def test_a_browser_is_told_for_whom_it_asked_last(database_url: str) -> None:
    async with running_app(database_url) as app:
        switch_on(app)
        alice, bob = await join(app, "alice"), await join(app, "bob")
        browser = await subscribed(app, alice)
        object.__setattr__(app.keys, "token", Ring((make_key(), *app.keys.token.keys)))
        await subscribed(app, bob, browser.endpoint)
        assert await sessions_of(app) == [bob.session_id]


async def test_there_are_at_most_ten_devices_and_the_oldest_goes(database_url: str) -> None:
    async with running_app(database_url) as app:
        switch_on(app)
        devices = [await join(app, "bob")]
        devices += [await caller_of(app, await sign_in(app, "bob")) for _ in range(MOST_DEVICES)]
        for device in devices:
            app.clock.turn(seconds=1)  # type: ignore[attr-defined]
            await subscribed(app, device)
        assert [each.session_id for each in await push.list_own(app, devices[0])] == [
            device.session_id for device in devices[1:]
        ]


async def test_only_ones_own_can_be_seen_and_removed(database_url: str) -> None:
    async with running_app(database_url) as app:
        switch_on(app)
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, bob)
        assert await push.list_own(app, alice) == []
        with pytest.raises(NotFound):
            await push.remove(app, alice, bob.session_id)
        await push.remove(app, bob, bob.session_id)
        assert await sessions_of(app) == []
        with pytest.raises(NotFound):
            await push.remove(app, bob, bob.session_id)


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"endpoint": "https://evil.example/a"}, "endpoint", "invalid"),
        ({"endpoint": "https://127.0.0.1/a"}, "endpoint", "invalid"),
        ({"endpoint": "https://fcm.googleapis.com/" + "a" * 2048}, "endpoint", "too_long"),
        ({"p256dh": text(b"\x04" + bytes(64))}, "keys", "invalid"),
        ({"p256dh": ""}, "keys", "invalid"),
        ({"auth": text(bytes(15))}, "keys", "invalid"),
    ],
)
async def test_what_is_no_subscription_is_refused_with_its_field(
    sqlite_url: str, wrong: dict[str, str], field: str, code: str
) -> None:
    async with running_app(sqlite_url) as app:
        switch_on(app)
        bob = await join(app, "bob")
        with pytest.raises(Invalid) as refused:
            await push.subscribe(app, bob, replace(WANTED, **wrong))
        assert [(fault.field, fault.code) for fault in refused.value.faults] == [(field, code)]
        assert await sessions_of(app) == []


async def test_every_fault_is_told_at_once(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        switch_on(app)
        with pytest.raises(Invalid) as refused:
            await push.subscribe(app, await join(app, "bob"), Wanted("", "", ""))
        assert [fault.field for fault in refused.value.faults] == ["endpoint", "keys", "keys"]


async def test_a_subscription_is_for_a_key_that_the_server_has(database_url: str) -> None:
    async with running_app(database_url) as app:
        switch_on(app)
        bob = await join(app, "bob")
        (old,) = app.keys.push.keys
        object.__setattr__(app.keys, "push", Ring((make_key(), old)))
        await push.subscribe(app, bob, replace(WANTED, public_key=signer(old).public))
        assert await rows(app, "SELECT signer_id FROM push_subscriptions") == [(old.id,)]
        await push.subscribe(app, bob, replace(WANTED, public_key=await push.public_key(app, bob)))
        assert await rows(app, "SELECT signer_id FROM push_subscriptions") == [(app.keys.push.current.id,)]
        for foreign in (signer(make_key()).public, "", "nonsense"):
            with pytest.raises(Conflict):
                await push.subscribe(app, bob, replace(WANTED, public_key=foreign))


async def test_where_it_is_off_nobody_can_ask_and_everybody_can_leave(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        switch_on(app)
        bob = await join(app, "bob")
        await subscribed(app, bob)
        app.push.courier = None
        for act in (push.public_key(app, bob), push.subscribe(app, bob, WANTED)):
            with pytest.raises(Forbidden) as refused:
                await act
            assert refused.value.code == "push_off"
        assert len(await push.list_own(app, bob)) == 1
        await push.remove(app, bob, bob.session_id)


async def test_it_ends_with_the_session_however_that_ends(database_url: str) -> None:
    async with running_app(database_url, max_sessions=3) as app:
        switch_on(app)
        one = await join(app, "bob")
        two, three = [await caller_of(app, await sign_in(app, "bob")) for _ in range(2)]
        for device in (one, two, three):
            await subscribed(app, device)
        await sign_in(app, "bob")  # one too many: the first one goes
        assert await sessions_of(app) == sorted([two.session_id, three.session_id])
        await sessions.end(app, two)
        assert await sessions_of(app) == [three.session_id]
        await sessions.end_others(app, two, reason="revoked")
        assert await sessions_of(app) == []
        with pytest.raises(Unauthenticated):
            await push.subscribe(app, three, WANTED)
        assert await sessions_of(app) == []


async def test_it_ends_with_the_account(database_url: str) -> None:
    async with running_app(database_url) as app:
        switch_on(app)
        alice, bob = await join(app, "alice"), await join(app, "bob")
        await subscribed(app, alice)
        await subscribed(app, bob)
        await erasure.erase_account(app, bob, password=PASSWORD)
        assert await sessions_of(app) == [alice.session_id]


async def test_subscribing_has_a_limit(sqlite_url: str) -> None:
    async with running_app(sqlite_url, limits_enabled=True) as app:
        switch_on(app)
        bob = await join(app, "bob")
        for _ in range(limits.PUSH.burst):
            await push.subscribe(app, bob, WANTED)
        with pytest.raises(TooMany):
            await push.subscribe(app, bob, WANTED)


async def test_another_master_key_takes_them_over(database_url: str) -> None:
    async with running_app(database_url) as app:
        switch_on(app)
        bob = await join(app, "bob")
        browser = await subscribed(app, bob)
        fresh, (old,) = make_key(), app.keys.master.keys
        others = {name: getattr(app.keys, name) for name in ("access", "pepper", "token", "bus", "audit", "push")}
        both = Keys(master=Ring((fresh, old)), **others)
        assert await keys.rotate(app.db, both, lambda *_: None) == keys.Rotated(1, ())
        only = Keys(master=Ring((fresh,)), **others)
        assert await keys.verify(app.db, only, lambda *_: None, with_messages=False) == []
        ((sealed,),) = await rows(app, "SELECT sealed FROM push_subscriptions")
        opened = open_subscription(only.master, bob.user_id, bob.session_id, fresh.id, bytes(sealed))
        assert opened.endpoint == browser.endpoint
