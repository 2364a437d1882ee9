"""The audit log as a chain: numbered without a gap, linked, append-only; its head, its checkpoints, people's keys."""

import peewee

TYPES = {"sqlite": {"blob": "BLOB"}, "postgresql": {"blob": "BYTEA"}}

STATEMENTS = (
    # What was recorded before there was a chain: the next start moves it into the chain, oldest first.
    "ALTER TABLE audit RENAME TO audit_unchained",
    "DROP INDEX audit_actor",
    # No foreign keys: a record outlives whoever it speaks of. `id` is given under the lock of the head.
    """CREATE TABLE audit (
        id BIGINT NOT NULL CONSTRAINT audit_number PRIMARY KEY, at BIGINT NOT NULL, actor_id BIGINT,
        personal {blob} NOT NULL,
        action TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, request_id TEXT NOT NULL,
        instance TEXT NOT NULL, epoch BIGINT NOT NULL,
        prev {blob} NOT NULL, link {blob} NOT NULL, mac {blob} NOT NULL)""",
    "CREATE INDEX audit_actor ON audit (actor_id, id)",
    """CREATE TABLE audit_head (
        one SMALLINT NOT NULL PRIMARY KEY CHECK (one = 1), log TEXT NOT NULL, id BIGINT NOT NULL,
        link {blob} NOT NULL, epoch BIGINT NOT NULL, key {blob} NOT NULL, mac {blob} NOT NULL, first_key {blob})""",
    # Without a key a person's records tell nothing of them any more; the row stays, so that none is made again.
    """CREATE TABLE audit_people (
        user_id BIGINT NOT NULL PRIMARY KEY, key_id TEXT NOT NULL, sealed {blob})""",
    "CREATE INDEX audit_people_key ON audit_people (key_id)",
    """CREATE TABLE audit_checkpoints (
        number BIGINT NOT NULL PRIMARY KEY, log TEXT NOT NULL, at BIGINT NOT NULL, record BIGINT NOT NULL,
        link {blob} NOT NULL, floor BIGINT NOT NULL, floor_link {blob} NOT NULL, previous {blob} NOT NULL,
        key_id TEXT NOT NULL, signature {blob} NOT NULL)""",
)

# The one way out: what a checkpoint has closed off. A checkpoint may go with the records it speaks of.
TRIGGERS = {
    "sqlite": (
        """CREATE TRIGGER audit_kept BEFORE UPDATE ON audit
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        """CREATE TRIGGER audit_stays BEFORE DELETE ON audit
            WHEN OLD.id > (SELECT coalesce(max(floor), 0) FROM audit_checkpoints)
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        # INSERT OR REPLACE deletes without asking the trigger above.
        """CREATE TRIGGER audit_unreplaced BEFORE INSERT ON audit
            WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        """CREATE TRIGGER audit_checkpoints_kept BEFORE UPDATE ON audit_checkpoints
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        """CREATE TRIGGER audit_checkpoints_stay BEFORE DELETE ON audit_checkpoints
            WHEN OLD.record > (SELECT coalesce(max(floor), 0) FROM audit_checkpoints)
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        """CREATE TRIGGER audit_checkpoints_unreplaced BEFORE INSERT ON audit_checkpoints
            WHEN EXISTS (SELECT 1 FROM audit_checkpoints WHERE number = NEW.number)
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    ),
    "postgresql": (
        # The class of restrict_violation: whoever tries is told an integrity error.
        """CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation'; END $$""",
        """CREATE FUNCTION audit_floor() RETURNS bigint LANGUAGE sql STABLE
            AS $$ SELECT coalesce(max(floor), 0) FROM audit_checkpoints $$""",
        """CREATE TRIGGER audit_kept BEFORE UPDATE ON audit
            FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
        """CREATE TRIGGER audit_stays BEFORE DELETE ON audit
            FOR EACH ROW WHEN (OLD.id > audit_floor()) EXECUTE FUNCTION audit_refuse()""",
        """CREATE TRIGGER audit_whole BEFORE TRUNCATE ON audit
            FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
        """CREATE TRIGGER audit_checkpoints_kept BEFORE UPDATE ON audit_checkpoints
            FOR EACH ROW EXECUTE FUNCTION audit_refuse()""",
        """CREATE TRIGGER audit_checkpoints_stay BEFORE DELETE ON audit_checkpoints
            FOR EACH ROW WHEN (OLD.record > audit_floor()) EXECUTE FUNCTION audit_refuse()""",
        """CREATE TRIGGER audit_checkpoints_whole BEFORE TRUNCATE ON audit_checkpoints
            FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
        # Runs with its owner's rights: a server that may only insert drops by this what a checkpoint has closed off.
        """CREATE FUNCTION audit_drop(most bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
            DECLARE dropped bigint;
            BEGIN
                DELETE FROM audit WHERE id IN
                    (SELECT id FROM audit WHERE id <= audit_floor() ORDER BY id LIMIT most);
                GET DIAGNOSTICS dropped = ROW_COUNT;
                DELETE FROM audit_checkpoints WHERE record <= audit_floor();
                RETURN dropped;
            END $$""",
    ),
}

# Nobody's temporary table takes the place of ours.
PATHS = (
    "ALTER FUNCTION audit_floor() SET search_path = {schema}, pg_temp",
    "ALTER FUNCTION audit_drop(bigint) SET search_path = {schema}, pg_temp",
)


def up(migrator: object, db: peewee.Database) -> None:
    """Begin with an empty chain; what was recorded before waits beside it."""
    kind = "sqlite" if db.param == "?" else "postgresql"
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**TYPES[kind]))
    for statement in TRIGGERS[kind]:
        db.execute_sql(statement)
    if kind == "postgresql":
        schema = db.execute_sql("SELECT quote_ident(current_schema())").fetchone()[0]
        for statement in PATHS:
            db.execute_sql(statement.format(schema=schema))
        # It changes with every record: room on its page keeps those updates off the index.
        db.execute_sql("ALTER TABLE audit_head SET (fillfactor = 10)")
