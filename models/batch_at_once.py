"""A batch on PostgreSQL in one round trip: lock, store, tell, commit.

Two prepared statements go out in one simple query, which PostgreSQL runs as one transaction: the first takes
the heads in the order of their ids, the second, whose snapshot is younger, gives the positions. All values
travel as one JSON text: quoting them one by one cost four times as much as all else on this side.
"""

from collections.abc import Sequence
from weakref import WeakSet

import msgspec

from models.db import Engine, as_bytes, fetch
from models.drafts import Draft, Identity, Stored, people_of, placed
from models.timelines import COLUMNS, Kind

TAKE = "PREPARE recado_take (bigint[]) AS SELECT 1 FROM heads WHERE user_id = ANY ($1) ORDER BY user_id FOR UPDATE"
STORE = (
    "PREPARE recado_store (bigint[], json) AS WITH taken AS MATERIALIZED ("
    # Only so: joined with what was sent, all heads might be read.
    "SELECT user_id, position, blocks FROM heads WHERE user_id = ANY ($1)"
    "), drafts AS ("
    "SELECT d.*, r.blocks > 0 AND EXISTS (SELECT 1 FROM blocks b"
    " WHERE b.user_id = d.recipient_id AND b.blocked_id = d.sender_id) AS withheld"
    " FROM json_to_recordset($2) AS d (n int, conversation_id bigint, sender_id bigint, recipient_id bigint,"
    " client_id text, client_made boolean, sent_at bigint, expires_at bigint, alg smallint, key_generation int,"
    " body text) JOIN taken s ON s.user_id = d.sender_id JOIN taken r ON r.user_id = d.recipient_id"
    "), told AS ("
    "SELECT t.user_id, t.n, h.position + row_number() OVER (PARTITION BY t.user_id ORDER BY t.n) AS position FROM ("
    "SELECT sender_id AS user_id, n FROM drafts"
    " UNION ALL SELECT recipient_id, n FROM drafts WHERE recipient_id <> sender_id AND NOT withheld"
    ") AS t JOIN taken h ON h.user_id = t.user_id"
    "), stored AS ("
    "INSERT INTO messages (conversation_id, sender_id, recipient_id, client_id, client_made, sent_at, expires_at,"
    " revision, alg, key_generation, body, sender_position, recipient_position)"
    " SELECT d.conversation_id, d.sender_id, d.recipient_id, decode(d.client_id, 'base64'), d.client_made,"
    " d.sent_at, d.expires_at, 0, d.alg, d.key_generation, decode(d.body, 'base64'), s.position, r.position"
    " FROM drafts d JOIN told s ON s.n = d.n AND s.user_id = d.sender_id"
    " LEFT JOIN told r ON r.n = d.n AND r.user_id = d.recipient_id ORDER BY d.n RETURNING *"
    "), logged AS ("
    f"INSERT INTO timelines ({COLUMNS})"
    f" SELECT sender_id, sender_position, {Kind.MESSAGE:d}, conversation_id, sender_id, id, sent_at FROM stored"
    f" UNION ALL SELECT recipient_id, recipient_position, {Kind.MESSAGE:d}, conversation_id, sender_id, id, sent_at"
    " FROM stored WHERE recipient_position IS NOT NULL AND recipient_id <> sender_id"
    "), moved AS ("
    "UPDATE heads SET position = newest.position FROM ("
    "SELECT user_id, max(position) AS position FROM told GROUP BY user_id"
    ") AS newest WHERE heads.user_id = newest.user_id AND heads.user_id = ANY ($1)"
    ") SELECT sender_id, client_id, id, sender_position, recipient_position FROM stored"
)
BOTH = "EXECUTE recado_take (%s); EXECUTE recado_store (%s, %s)"

_prepared: "WeakSet[object]" = WeakSet()
_encoder = msgspec.json.Encoder()


class _Row(msgspec.Struct):
    """One draft, as the statement names its columns; bytes travel in base64."""

    n: int
    conversation_id: int
    sender_id: int
    recipient_id: int
    client_id: bytes
    client_made: bool
    sent_at: int
    expires_at: int | None
    alg: int
    key_generation: int
    body: bytes


def store(engine: Engine, drafts: Sequence[Draft]) -> dict[Identity, Stored]:
    """Store these drafts in one transaction; one of or to nobody is left out of the answer.

    Raises `peewee.IntegrityError`, and nothing is stored, when one was stored before or the table refuses it.
    """
    prepare(engine)
    people = "{" + ",".join(map(str, sorted(people_of(drafts)))) + "}"
    values = _encoder.encode(list(map(_row, range(len(drafts)), drafts))).decode()
    found = fetch(engine, BOTH, (people, people, values))
    by_identity = {(row[0], as_bytes(row[1]) or b""): row[2:] for row in found}
    return {
        draft.identity: placed(draft, *by_identity[draft.identity]) for draft in drafts if draft.identity in by_identity
    }


def _row(number: int, draft: Draft) -> _Row:
    sealed = draft.sealed
    return _Row(
        number,
        draft.conversation_id,
        draft.sender_id,
        draft.recipient_id,
        draft.client_id,
        draft.client_made,
        draft.sent_at,
        draft.expires_at,
        sealed.alg,
        sealed.key_generation,
        sealed.body,
    )


def prepare(engine: Engine) -> None:
    """Make this connection know both statements; costs nothing when it does."""
    connection = engine.connection()
    if connection not in _prepared:
        for statement in (TAKE, STORE):
            engine.execute_sql(statement)
        _prepared.add(connection)
