"""Which keys are in use where, and what is being destroyed: conversations, accounts, the keys of conversations."""

import peewee

TYPES = {"sqlite": {"blob": "BLOB"}, "postgresql": {"blob": "BYTEA"}}

STATEMENTS = (
    # The running instances, and the ids of the keys that each of them has read, as JSON.
    "CREATE TABLE instances (id TEXT NOT NULL PRIMARY KEY, seen_at BIGINT NOT NULL, keys TEXT NOT NULL)",
    # Since when each key has been (or was, the last time) the current one of its purpose.
    """CREATE TABLE key_uses (
        purpose TEXT NOT NULL, key_id TEXT NOT NULL, since BIGINT NOT NULL, PRIMARY KEY (purpose, key_id))""",
    # Conversation keys that are to be destroyed from `after_at` on, when nothing is sealed with them any more.
    """CREATE TABLE doomed_keys (
        conversation_id BIGINT NOT NULL, generation INTEGER NOT NULL, after_at BIGINT NOT NULL,
        PRIMARY KEY (conversation_id, generation))""",
    "CREATE INDEX doomed_keys_due ON doomed_keys (after_at)",
    # Whose messages are being destroyed: of one conversation up to a message, or (0) all and the account.
    """CREATE TABLE erasures (
        user_id BIGINT NOT NULL, conversation_id BIGINT NOT NULL, up_to BIGINT NOT NULL,
        begun_at BIGINT NOT NULL, touched_at BIGINT NOT NULL, PRIMARY KEY (user_id, conversation_id))""",
    # Names, and looks of names, that nobody may take any more; kept as MACs only.
    "CREATE TABLE tombstones (mac {blob} NOT NULL PRIMARY KEY, key_id TEXT NOT NULL)",
    "CREATE INDEX tombstones_key ON tombstones (key_id)",
    # To find all that is one person's.
    "CREATE INDEX looks_user ON looks (user_id)",
    "CREATE INDEX sessions_user ON sessions (user_id)",
)


def up(migrator: object, db: peewee.Database) -> None:
    """Create the tables; nothing is known of instances, and nobody has been erased."""
    kind = "sqlite" if db.param == "?" else "postgresql"
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**TYPES[kind]))
