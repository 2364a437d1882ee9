"""The audit log: what was done in whose name; never content, never a secret, never a mistyped name."""

from dataclasses import dataclass

from models.db import Database, Engine, execute

INSERT = (
    "INSERT INTO audit (at, actor_id, session_id, network, action, outcome, reason, target, request_id)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


@dataclass(frozen=True, slots=True)
class Record:
    """One security event. `network` is the truncated address, `target` an id or a keyed fingerprint."""

    at: int
    action: str
    outcome: str = "ok"
    actor_id: int | None = None
    session_id: int | None = None
    network: str = ""
    reason: str = ""
    target: str = ""
    request_id: str = ""


def insert(engine: Engine, record: Record) -> None:
    """Write a record inside the transaction of the act it speaks of: no act without a record."""
    execute(
        engine,
        INSERT,
        (
            record.at,
            record.actor_id,
            record.session_id,
            record.network,
            record.action,
            record.outcome,
            record.reason,
            record.target,
            record.request_id,
        ),
    )


async def append(db: Database, record: Record) -> None:
    """Write a record that stands by itself, such as a refused sign-in."""
    await db.write(insert, record)
