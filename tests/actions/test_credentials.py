"""Passwords that fit, and passwords that may be had. What a sign-in makes of it is in test_accounts.py."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

import models.users
from actions import credentials
from actions.errors import Invalid, Unauthenticated
from tests.actions.stage import change, register, rows, sign_in
from tests.rooms import PASSWORD, make_keys, running_app


async def test_a_password_fits_its_owner_and_nobody_else(database_url: str) -> None:
    async with running_app(database_url) as app:
        await register(app, "alice", "bob")
        alice, bob = [await models.users.by_key(app.db, key) for key in ("alice", "bob")]
        assert alice is not None
        assert bob is not None
        assert await credentials.fits(app, alice, PASSWORD)
        assert not await credentials.fits(app, alice, PASSWORD + "!")
        assert not await credentials.fits(app, None, PASSWORD)
        assert not await credentials.fits(app, replace(alice, disabled_at=1), PASSWORD)
        assert not await credentials.fits(app, replace(alice, password=bob.password), PASSWORD)
        assert not await credentials.fits(app, alice, "\ud800")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "too_short"),
        ("x" * 129, "too_long"),
        ("password1", "common"),
        ("alice123", "like_name"),
        ("correct\0horse", "invalid"),
    ],
)
async def test_what_cannot_be_had_is_told_by_its_field(sqlite_url: str, password: str, code: str) -> None:
    async with running_app(sqlite_url) as app:
        with pytest.raises(Invalid) as refused:
            credentials.refuse_bad(app, "new", password, name_key="alice")
        assert [(fault.field, fault.code) for fault in refused.value.faults] == [("new", code)]
        credentials.refuse_bad(app, "new", PASSWORD, name_key="alice")


async def test_a_hash_made_anew_never_brings_an_old_password_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sign-in that makes the hash anew is overtaken by a change of the password."""
    keys = make_keys()
    async with running_app(database_url, keys) as app:
        await register(app, "alice")
    async with running_app(database_url, keys, bcrypt_rounds=5) as app:
        rehash, made = models.users.rehash, asyncio.Event()

        async def overtaken(db: Any, user_id: int, **hashes: str) -> bool:
            await change(app, "UPDATE users SET password = 'p1$changed', password_version = 1")
            made.set()
            return await rehash(db, user_id, **hashes)

        monkeypatch.setattr(models.users, "rehash", overtaken)
        with pytest.raises(Unauthenticated):
            await sign_in(app, "alice")
        assert made.is_set()
        assert await rows(app, "SELECT password FROM users") == [("p1$changed",)]
        assert await rows(app, "SELECT id FROM sessions") == []
