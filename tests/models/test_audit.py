"""The audit log: a record by itself, and a record with the act it speaks of."""

import pytest

import models.audit
from models.audit import Record
from models.db import Engine
from tests.models.storage import NOW, opened, rows

EVERYTHING = (
    "SELECT at, actor_id, session_id, network, action, outcome, reason, target, request_id FROM audit ORDER BY id"
)


async def test_a_record_is_kept_as_it_was_told(database_url) -> None:
    async with opened(database_url) as db:
        record = Record(NOW, "login", "refused", 1, 2, "127.0.0.0/24", "wrong password", "keyed", "r1")
        await models.audit.append(db, record)
        await models.audit.append(db, Record(NOW + 1, "logout"))
        assert await rows(db, EVERYTHING) == [
            (NOW, 1, 2, "127.0.0.0/24", "login", "refused", "wrong password", "keyed", "r1"),
            (NOW + 1, None, None, "", "logout", "ok", "", "", ""),
        ]


async def test_an_act_that_fails_leaves_no_record(database_url) -> None:
    def act(engine: Engine) -> None:
        models.audit.insert(engine, Record(NOW, "delete_everything"))
        raise ValueError("not done")

    async with opened(database_url) as db:
        with pytest.raises(ValueError, match="not done"):
            await db.write(act)
        assert await rows(db, EVERYTHING) == []
