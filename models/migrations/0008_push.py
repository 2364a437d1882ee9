"""Push subscriptions: where a device is told that something is new, when it does not answer by itself; mutes."""

import peewee

TYPES = {"sqlite": {"blob": "BLOB", "lean": " WITHOUT ROWID"}, "postgresql": {"blob": "BYTEA", "lean": ""}}

STATEMENTS = (
    # One for each session. `pushed`: up to where in its person's log the device was told, or needs not to be.
    # Nobody looks at it before `not_before`: it is being told just now, by whoever made `claim`, or later again.
    """CREATE TABLE push_subscriptions (
        session_id BIGINT NOT NULL PRIMARY KEY, user_id BIGINT NOT NULL REFERENCES users (id),
        mac {blob} NOT NULL, master_id TEXT NOT NULL, sealed {blob} NOT NULL, signer_id TEXT NOT NULL,
        created_at BIGINT NOT NULL, pushed BIGINT NOT NULL, pushed_at BIGINT,
        not_before BIGINT NOT NULL DEFAULT 0, claim BIGINT NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0)""",
    "CREATE UNIQUE INDEX push_subscriptions_endpoint ON push_subscriptions (mac)",
    "CREATE INDEX push_subscriptions_user ON push_subscriptions (user_id)",
    "CREATE INDEX push_subscriptions_master ON push_subscriptions (master_id)",
    # Of whom somebody does not want to be told by push.
    """CREATE TABLE mutes (
        user_id BIGINT NOT NULL REFERENCES users (id), muted_id BIGINT NOT NULL REFERENCES users (id),
        at BIGINT NOT NULL, PRIMARY KEY (user_id, muted_id)){lean}""",
)


def up(migrator: object, db: peewee.Database) -> None:
    """Create the tables; no device has asked to be told, and nobody is muted."""
    kind = "sqlite" if db.param == "?" else "postgresql"
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**TYPES[kind]))
