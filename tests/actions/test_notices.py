"""Notices: for the person's other devices, in the dialect that knows them; nobody else learns anything."""

from dataclasses import replace

from actions import notices, sessions
from actions.times import when
from tests.actions.stage import NotingBus, caller_of, connection_of, frames, register, sign_in, v1_of
from tests.rooms import ORIGIN, join, running_app


async def test_the_other_devices_are_told_and_nobody_else(sqlite_url: str) -> None:
    async with running_app(sqlite_url) as app:
        alice, bob = await join(app, "alice"), await join(app, "bob")
        here, other, stranger = v1_of(alice), v1_of(replace(alice, session_id=1)), v1_of(bob)
        plain = connection_of(replace(alice, session_id=2))
        for connection in (here, other, stranger, plain):
            app.hub.join(connection)
        notices.tell(app, alice.user_id, "login", except_session=alice.session_id, session=7)
        notices.tell(app, alice.user_id, "password_reset", except_session=None)
        login = {"type": "notice", "kind": "login", "at": when(app.clock()), "session": 7}
        reset = {"type": "notice", "kind": "password_reset", "at": when(app.clock())}
        assert frames(other) == [login, reset]
        assert frames(here) == [reset]
        assert frames(stranger) == []
        assert plain.transport.frames == []  # type: ignore[attr-defined]


async def test_a_sign_in_is_told_to_the_devices_that_are_there(database_url: str) -> None:
    async with running_app(database_url) as app:
        alice = await join(app, "alice")
        device = v1_of(alice)
        app.hub.join(device)
        newcomer = await caller_of(app, await sign_in(app, "alice"))
        (notice,) = frames(device)
        assert (notice["kind"], notice["session"]) == ("login", newcomer.session_id)


async def test_who_shows_an_old_refresh_token_is_told_to_the_devices_of_the_other_sessions(database_url: str) -> None:
    async with running_app(database_url) as app:
        await register(app, "alice")
        device = v1_of(await caller_of(app, await sign_in(app, "alice")))
        app.hub.join(device)
        stolen = await sign_in(app, "alice")
        spoilt = await caller_of(app, await sessions.refresh(app, stolen.refresh, ORIGIN))
        victim = v1_of(spoilt)
        app.hub.join(victim)
        bus = NotingBus(app)
        for _ in range(2):
            try:
                await sessions.refresh(app, stolen.refresh, ORIGIN)
            except sessions.Unauthenticated:
                continue
            raise AssertionError("an old token was taken")
        assert [(frame["kind"], frame["session"]) for frame in frames(device)][1:] == [
            ("refresh_reuse", spoilt.session_id)
        ]
        assert victim.closed is not None
        assert bus.endings == [(spoilt.user_id, spoilt.session_id, "refresh_reuse")]
