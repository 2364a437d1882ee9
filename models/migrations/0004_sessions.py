"""Sessions under a seal, endings that can be asked for, passwords that change, one-time tokens that set one."""

import peewee

TYPES = {"sqlite": {"blob": "BLOB", "nothing": "x''"}, "postgresql": {"blob": "BYTEA", "nothing": "'\\x'::bytea"}}

STATEMENTS = (
    "ALTER TABLE users ADD COLUMN password_version INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE sessions ADD COLUMN seal {blob} NOT NULL DEFAULT {nothing}",
    # What was never sealed cannot be told from what somebody else has written: everybody signs in once more.
    """UPDATE sessions SET ended_at = used_at, ended_reason = 'upgrade', refresh_mac = {nothing}, parent_mac = NULL
        WHERE ended_at IS NULL""",
    "CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL",
    """CREATE TABLE resets (
        mac {blob} NOT NULL PRIMARY KEY, user_id BIGINT NOT NULL REFERENCES users (id), expires_at BIGINT NOT NULL)""",
    "CREATE UNIQUE INDEX resets_user ON resets (user_id)",
)


def up(migrator: object, db: peewee.Database) -> None:
    """Change the tables; the sessions that are there end."""
    kind = "sqlite" if db.param == "?" else "postgresql"
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**TYPES[kind]))
