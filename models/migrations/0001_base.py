"""The base: people, sessions, conversations, messages, timelines, the audit log."""

import secrets

import peewee

TYPES = {
    "sqlite": {
        "serial": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "blob": "BLOB",
        "lean": " WITHOUT ROWID",
        "token": "x'674141414141'",
    },
    "postgresql": {
        "serial": "BIGSERIAL PRIMARY KEY",
        "blob": "BYTEA",
        "lean": "",
        "token": "'\\x674141414141'::bytea",
    },
}

STATEMENTS = (
    "CREATE TABLE facts (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE canaries (
        purpose TEXT NOT NULL, key_id TEXT NOT NULL, sealed {blob} NOT NULL, PRIMARY KEY (purpose, key_id))""",
    """CREATE TABLE users (
        id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL,
        password TEXT NOT NULL, created_at BIGINT NOT NULL, disabled_at BIGINT,
        receipts BOOLEAN NOT NULL DEFAULT TRUE, presence BOOLEAN NOT NULL DEFAULT TRUE)""",
    "CREATE UNIQUE INDEX users_key ON users (key)",
    "CREATE TABLE looks (skeleton TEXT NOT NULL PRIMARY KEY, user_id BIGINT NOT NULL REFERENCES users (id))",
    """CREATE TABLE heads (
        user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users (id), position BIGINT NOT NULL,
        acked BIGINT NOT NULL DEFAULT 0, floor BIGINT NOT NULL DEFAULT 0, blocks BIGINT NOT NULL DEFAULT 0)""",
    """CREATE TABLE sessions (
        id BIGINT NOT NULL PRIMARY KEY, user_id BIGINT NOT NULL REFERENCES users (id),
        created_at BIGINT NOT NULL, used_at BIGINT NOT NULL, auth_time BIGINT NOT NULL,
        idle_expires_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
        device TEXT NOT NULL, network TEXT NOT NULL,
        generation INTEGER NOT NULL, confirmed INTEGER NOT NULL,
        refresh_mac {blob} NOT NULL, parent_mac {blob},
        ended_at BIGINT, ended_reason TEXT, cursor BIGINT NOT NULL DEFAULT 0)""",
    "CREATE INDEX sessions_live ON sessions (user_id, used_at) WHERE ended_at IS NULL",
    """CREATE TABLE tickets (
        mac {blob} NOT NULL PRIMARY KEY, session_id BIGINT NOT NULL, expires_at BIGINT NOT NULL)""",
    "CREATE INDEX tickets_expiry ON tickets (expires_at)",
    """CREATE TABLE conversations (
        id BIGINT NOT NULL PRIMARY KEY, pair_low BIGINT, pair_high BIGINT, created_at BIGINT NOT NULL)""",
    "CREATE UNIQUE INDEX conversations_pair ON conversations (pair_low, pair_high)",
    """CREATE TABLE members (
        user_id BIGINT NOT NULL REFERENCES users (id),
        conversation_id BIGINT NOT NULL REFERENCES conversations (id),
        delivered_up_to BIGINT NOT NULL DEFAULT 0, read_up_to BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (user_id, conversation_id)){lean}""",
    "CREATE INDEX members_conversation ON members (conversation_id)",
    """CREATE TABLE conversation_keys (
        conversation_id BIGINT NOT NULL REFERENCES conversations (id), generation INTEGER NOT NULL,
        master_id TEXT NOT NULL, wrapped {blob} NOT NULL, PRIMARY KEY (conversation_id, generation))""",
    "CREATE INDEX conversation_keys_master ON conversation_keys (master_id)",
    # No foreign keys from here on: the writer holds the lock of both heads, whose rows stand for the people.
    """CREATE TABLE messages (
        id {serial}, conversation_id BIGINT NOT NULL, sender_id BIGINT NOT NULL, recipient_id BIGINT,
        client_id {blob} NOT NULL, client_made BOOLEAN NOT NULL,
        sent_at BIGINT NOT NULL, expires_at BIGINT, edited_at BIGINT, deleted_at BIGINT,
        revision INTEGER NOT NULL, alg SMALLINT NOT NULL, key_generation INTEGER NOT NULL, body {blob},
        sender_position BIGINT NOT NULL, recipient_position BIGINT,
        CONSTRAINT messages_sealed CHECK
            (body IS NULL OR alg <> 1 OR (length(body) > 6 AND substr(body, 1, 6) = {token})))""",
    "CREATE UNIQUE INDEX messages_client ON messages (sender_id, client_id)",
    # `id + 0`: see models/messages.py.
    "CREATE INDEX messages_sent ON messages (sender_id, (id + 0)) WHERE body IS NOT NULL",
    """CREATE INDEX messages_received ON messages (recipient_id, (id + 0))
        WHERE body IS NOT NULL AND recipient_position IS NOT NULL AND sender_id <> recipient_id""",
    """CREATE INDEX messages_conversation ON messages (conversation_id, recipient_id, (id + 0))
        WHERE body IS NOT NULL AND recipient_position IS NOT NULL""",
    """CREATE INDEX messages_withheld ON messages (conversation_id, sender_id, (id + 0))
        WHERE body IS NOT NULL AND recipient_position IS NULL""",
    "CREATE INDEX messages_expiry ON messages (expires_at) WHERE expires_at IS NOT NULL AND body IS NOT NULL",
    """CREATE TABLE timelines (
        user_id BIGINT NOT NULL, position BIGINT NOT NULL, kind SMALLINT NOT NULL,
        conversation_id BIGINT NOT NULL, actor_id BIGINT NOT NULL, message_id BIGINT NOT NULL,
        at BIGINT NOT NULL, PRIMARY KEY (user_id, position)){lean}""",
    """CREATE TABLE receipts (
        conversation_id BIGINT NOT NULL, user_id BIGINT NOT NULL, kind SMALLINT NOT NULL, up_to BIGINT NOT NULL,
        at BIGINT NOT NULL, PRIMARY KEY (conversation_id, user_id, kind, up_to)){lean}""",
    """CREATE TABLE blocks (
        user_id BIGINT NOT NULL REFERENCES users (id), blocked_id BIGINT NOT NULL REFERENCES users (id),
        at BIGINT NOT NULL, PRIMARY KEY (user_id, blocked_id)){lean}""",
    """CREATE TABLE audit (
        id {serial}, at BIGINT NOT NULL, actor_id BIGINT, session_id BIGINT, network TEXT NOT NULL,
        action TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, target TEXT NOT NULL,
        request_id TEXT NOT NULL)""",
    "CREATE INDEX audit_actor ON audit (actor_id, id)",
)


def up(migrator: object, db: peewee.Database) -> None:
    """Create everything."""
    kind = "sqlite" if db.param == "?" else "postgresql"
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**TYPES[kind]))
    if kind == "postgresql":
        # Positions change with every message: room on each page keeps those updates off the index.
        db.execute_sql("ALTER TABLE heads SET (fillfactor = 50)")
    db.execute_sql(f"INSERT INTO facts (name, value) VALUES ('epoch', {db.param})", (secrets.token_hex(8),))
