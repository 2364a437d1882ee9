"""Second factors: one-time passwords, recovery codes, passkeys, and sign-ins that wait for one."""

import peewee

TYPES = {"sqlite": {"blob": "BLOB"}, "postgresql": {"blob": "BYTEA"}}

STATEMENTS = (
    # One for each person; it counts from `confirmed_at` on. `last_step` is the newest time step that was used.
    """CREATE TABLE totps (
        user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users (id), credential_id BIGINT NOT NULL,
        master_id TEXT NOT NULL, sealed {blob} NOT NULL,
        created_at BIGINT NOT NULL, confirmed_at BIGINT, last_step BIGINT NOT NULL DEFAULT 0)""",
    "CREATE INDEX totps_master ON totps (master_id)",
    """CREATE TABLE recovery_codes (
        user_id BIGINT NOT NULL REFERENCES users (id), mac {blob} NOT NULL, key_id TEXT NOT NULL,
        created_at BIGINT NOT NULL, PRIMARY KEY (user_id, mac))""",
    """CREATE TABLE passkeys (
        id BIGINT NOT NULL PRIMARY KEY, user_id BIGINT NOT NULL REFERENCES users (id),
        credential_id {blob} NOT NULL, public_key {blob} NOT NULL, handle {blob} NOT NULL, rp_id TEXT NOT NULL,
        sign_count BIGINT NOT NULL, backup_eligible BOOLEAN NOT NULL, backed_up BOOLEAN NOT NULL,
        name TEXT NOT NULL, created_at BIGINT NOT NULL, used_at BIGINT, cloned_at BIGINT,
        key_id TEXT NOT NULL, mac {blob} NOT NULL)""",
    "CREATE UNIQUE INDEX passkeys_credential ON passkeys (credential_id)",
    "CREATE INDEX passkeys_user ON passkeys (user_id)",
    "CREATE TABLE challenges (mac {blob} NOT NULL PRIMARY KEY, expires_at BIGINT NOT NULL)",
    "CREATE INDEX challenges_expiry ON challenges (expires_at)",
    """CREATE TABLE pending_logins (
        mac {blob} NOT NULL PRIMARY KEY, user_id BIGINT NOT NULL REFERENCES users (id), stamp {blob} NOT NULL,
        device TEXT NOT NULL, tries INTEGER NOT NULL, expires_at BIGINT NOT NULL)""",
    "CREATE INDEX pending_logins_expiry ON pending_logins (expires_at)",
)


def up(migrator: object, db: peewee.Database) -> None:
    """Create the tables; nobody has a second factor yet."""
    kind = "sqlite" if db.param == "?" else "postgresql"
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**TYPES[kind]))
