"""Filling a database of Recado with very many messages, so that what a page costs among them can be measured.

What is filled in cannot be opened: it has the shape and the size of what is sealed, and nothing more. It is laid
out as what people had written to one another: ids and positions without a gap, each in both timelines, heads moved
on. Half of all messages are between the reader and their first peer, a quarter between the reader and the other
peers, a quarter between strangers. Beside it there are people, conversations and keys that nobody uses, one for each
hundred messages, so that no table is small in a large database.

The server MUST be stopped meanwhile: indexes are dropped before and made again behind it. Only `fill` waits for no
disk (`synchronous_commit=off`, for its own session); durability is back when it returns.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2

Cursor = Any  # psycopg2 carries no types

PEERS = 20  # of the reader, and so many lanes: the first takes ten of twenty messages, the others five in turn
STRANGERS = 5  # pairs, one message of twenty each
BLOCK = 20  # messages after which the lanes come again
CHUNK = 1_000_000
PER_PERSON = 100  # messages for each further person
FILLED = ("messages", "timelines")
BYTES_PER_MESSAGE = 1_000  # on disk, both timelines and all indexes included; and as much again while it is done

# A lane is a conversation: who reads or writes on the own side, and the peer; where their timelines stood.
LANES = (
    "CREATE TEMPORARY TABLE lanes AS SELECT v.column1::int AS lane, c.id AS conversation_id,"
    " own.id AS own_id, peer.id AS peer_id, own_head.position AS own_base, peer_head.position AS peer_base"
    " FROM (VALUES {marks}) AS v JOIN users own ON own.name = v.column2 JOIN users peer ON peer.name = v.column3"
    " JOIN heads own_head ON own_head.user_id = own.id JOIN heads peer_head ON peer_head.user_id = peer.id"
    " JOIN conversations c ON c.pair_low = least(own.id, peer.id) AND c.pair_high = greatest(own.id, peer.id)"
)
# Message i of the filling: its lane, its place in the lane, and its position in both timelines.
PLACED = (
    " FROM (SELECT i, i / 20 AS b, mod(i, 20) AS k FROM generate_series(%(low)s, %(high)s) AS i) AS counted"
    " CROSS JOIN LATERAL (SELECT"
    " CASE WHEN k < 10 THEN 0 WHEN k < 15 THEN 1 + mod(b * 5 + k - 10, 19) ELSE k + 5 END AS lane,"
    " CASE WHEN k < 10 THEN b * 10 + k WHEN k < 15 THEN (b * 5 + k - 10) / 19 ELSE b END AS nth) AS placed"
    " JOIN lanes USING (lane)"
    " CROSS JOIN LATERAL (SELECT CASE WHEN k < 15 THEN own_base + b * 15 + k + 1 ELSE own_base + nth + 1 END AS own_at,"
    " peer_base + nth + 1 AS peer_at, mod(nth, 2) = 0 AS own_wrote) AS told"
)
WRITER = "CASE WHEN own_wrote THEN own_id ELSE peer_id END"
MESSAGES = (
    "INSERT INTO messages (id, conversation_id, sender_id, recipient_id, client_id, client_made, sent_at, revision,"
    " alg, key_generation, body, sender_position, recipient_position)"
    f" SELECT %(first)s + i, conversation_id, {WRITER}, CASE WHEN own_wrote THEN peer_id ELSE own_id END,"
    " uuid_send(gen_random_uuid()), TRUE, %(at)s, 0, 1, 1,"
    " %(token)s || convert_to(left(repeat(md5(i::text) || md5((-i)::text), %(times)s), %(length)s), 'UTF8'),"
    " CASE WHEN own_wrote THEN own_at ELSE peer_at END, CASE WHEN own_wrote THEN peer_at ELSE own_at END" + PLACED
)
TIMELINES = (
    "INSERT INTO timelines (user_id, position, kind, conversation_id, actor_id, message_id, at)"
    f" SELECT heard.user_id, heard.position, 1, conversation_id, {WRITER}, %(first)s + i, %(at)s{PLACED}"
    " CROSS JOIN LATERAL (VALUES (own_id, own_at), (peer_id, peer_at)) AS heard (user_id, position)"
)
MOVE_HEADS = (
    "UPDATE heads SET position = newest.position FROM (SELECT person.id, (SELECT max(t.position) FROM timelines t"
    " WHERE t.user_id = person.id) AS position FROM (SELECT own_id AS id FROM lanes UNION SELECT peer_id FROM lanes)"
    " AS person) AS newest WHERE heads.user_id = newest.id"
)
# Each of these people has one conversation, with the next one. The server's own ids are drawn from 2^53.
TIMES = "created_at, used_at, auth_time, idle_expires_at, expires_at"
EXTRAS = tuple(
    f"INSERT INTO {table} ({columns}) SELECT {values} FROM generate_series(1, %(people)s) AS n{more}"  # noqa: S608
    for table, columns, values, more in (
        ("users", "id, name, key, password, created_at", "n, 'f' || n, 'f' || n, repeat('x', 63), %(at)s", ""),
        ("heads", "user_id, position", "n, 0", ""),
        (
            "sessions",
            f"id, user_id, {TIMES}, generation, confirmed, device, network, refresh_mac",
            "n, n, %(at)s, %(at)s, %(at)s, %(later)s, %(later)s, 1, 1, '', '', uuid_send(gen_random_uuid())",
            "",
        ),
        ("conversations", "id, pair_low, pair_high, created_at", "n, n, n + 1, %(at)s", " WHERE n < %(people)s"),
        ("members", "user_id, conversation_id", "n, n", " WHERE n < %(people)s"),
        ("members", "user_id, conversation_id", "n + 1, n", " WHERE n < %(people)s"),
        (
            "conversation_keys",
            "conversation_id, generation, master_id, wrapped",
            "n, 1, k.master_id, k.wrapped",
            ", (SELECT master_id, wrapped FROM conversation_keys LIMIT 1) AS k WHERE n < %(people)s",
        ),
        (
            "receipts",
            "conversation_id, user_id, kind, up_to, at",
            "n, n, kind, 1, %(at)s",
            ", generate_series(5, 6) AS kind WHERE n < %(people)s",
        ),
    )
)
INDEXES = (
    "SELECT c.conname, i.indexname, coalesce('ALTER TABLE ' || i.tablename || ' ADD CONSTRAINT ' || c.conname || ' '"
    " || pg_get_constraintdef(c.oid), i.indexdef), i.tablename FROM pg_indexes i LEFT JOIN pg_constraint c"
    " ON c.conname = i.indexname AND c.contype = 'p' WHERE i.schemaname = current_schema() AND i.tablename = ANY(%s)"
)
SAMPLE = "SELECT length(body), sent_at FROM messages ORDER BY id DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Cast:
    """Who the messages are filled in between, by name; all exist, and have written to each other."""

    reader: str
    peers: Sequence[str]
    strangers: Sequence[tuple[str, str]]

    def lanes(self) -> list[tuple[int, str, str]]:
        """Number, own side and peer of each lane."""
        pairs = [*((self.reader, peer) for peer in self.peers), *self.strangers]
        return [(number, own, peer) for number, (own, peer) in enumerate(pairs)]


def fill(url: str, cast: Cast, count: int, tell: Callable[[str], None]) -> float:
    """Add about `count` messages (whole blocks of them) behind all that there are; the seconds it took."""
    assert (len(cast.peers), len(cast.strangers)) == (PEERS, STRANGERS)
    began = time.perf_counter()
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True  # VACUUM will not run inside a transaction
        with connection.cursor() as cursor:
            for setting in ("synchronous_commit = off", "maintenance_work_mem = '512MB'"):
                cursor.execute(f"SET {setting}")
            values = _values(cursor, count)
            lanes = cast.lanes()
            marks = ", ".join(["(%s, %s, %s)"] * len(lanes))
            cursor.execute(LANES.format(marks=marks), [value for lane in lanes for value in lane])
            with _without_indexes(cursor, tell):
                _insert(cursor, values, -(-count // BLOCK) * BLOCK, tell)
            for text in (*(EXTRAS if values["people"] > 1 else ()), MOVE_HEADS):
                cursor.execute(text, values)
            cursor.execute("SELECT setval('messages_id_seq', (SELECT max(id) FROM messages))")
            tell("  and the statistics")
            cursor.execute("VACUUM ANALYZE")
    return time.perf_counter() - began


def _values(cursor: Cursor, count: int) -> dict[str, Any]:
    cursor.execute(SAMPLE)
    length, at = cursor.fetchone() or (0, 0)
    cursor.execute("SELECT last_value FROM messages_id_seq")
    (last,) = cursor.fetchone() or (0,)
    return {
        "first": last + 1,
        "at": at,
        "later": at + 10**10,
        "token": b"gAAAAA",
        "length": length - 6,
        "times": length // 64 + 1,
        "people": count // PER_PERSON,
    }


def _insert(cursor: Cursor, values: dict[str, Any], count: int, tell: Callable[[str], None]) -> None:
    for low in range(0, count, CHUNK):
        high = min(low + CHUNK, count)
        for text in (MESSAGES, TIMELINES):
            cursor.execute(text, values | {"low": low, "high": high - 1})
        tell(f"  {high:,} of {count:,} messages")


@contextmanager
def _without_indexes(cursor: Cursor, tell: Callable[[str], None]) -> Iterator[None]:
    """To make an index of all that there is takes a fraction of adding to it row by row."""
    cursor.execute(INDEXES, (list(FILLED),))
    found = cursor.fetchall()
    for constraint, index, _, table in found:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {index}" if constraint else f"DROP INDEX {index}")
    yield
    for _, index, definition, _ in found:
        tell(f"  index {index}")
        cursor.execute(definition)
