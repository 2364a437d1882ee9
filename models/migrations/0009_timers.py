"""How long what is written in a conversation is to last, as each of its people has it."""

import peewee

# Seconds; empty where nothing was set.
STATEMENT = "ALTER TABLE members ADD COLUMN ttl_seconds INTEGER"


def up(migrator: object, db: peewee.Database) -> None:
    """Add the column; no conversation has a timer."""
    db.execute_sql(STATEMENT)
