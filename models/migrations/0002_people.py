"""What people say of themselves, and the day on which they were last here."""

import peewee

STATEMENTS = (
    "ALTER TABLE users ADD COLUMN display_name TEXT",
    "ALTER TABLE users ADD COLUMN language TEXT",
    # Days since the epoch, UTC.
    "ALTER TABLE users ADD COLUMN seen_on INTEGER",
)


def up(migrator: object, db: peewee.Database) -> None:
    """Add the columns; nothing is known of those who are there."""
    for statement in STATEMENTS:
        db.execute_sql(statement)
