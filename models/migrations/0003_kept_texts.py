"""What the recipient of a message still sees of it, when later edits were kept from them by a block."""

import peewee

TYPES = {
    "sqlite": {"blob": "BLOB", "token": "x'674141414141'"},
    "postgresql": {"blob": "BYTEA", "token": "'\\x674141414141'::bytea"},
}

STATEMENTS = (
    "ALTER TABLE messages ADD COLUMN kept_edited_at BIGINT",
    "ALTER TABLE messages ADD COLUMN kept_revision INTEGER",
    "ALTER TABLE messages ADD COLUMN kept_alg SMALLINT",
    "ALTER TABLE messages ADD COLUMN kept_key_generation INTEGER",
    """ALTER TABLE messages ADD COLUMN kept_body {blob} CONSTRAINT messages_kept_sealed CHECK
        (kept_body IS NULL OR kept_alg <> 1 OR (length(kept_body) > 6 AND substr(kept_body, 1, 6) = {token}))""",
)


def up(migrator: object, db: peewee.Database) -> None:
    """Add columns that are empty for almost every message."""
    kind = "sqlite" if db.param == "?" else "postgresql"
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**TYPES[kind]))
