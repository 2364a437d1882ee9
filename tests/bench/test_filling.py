"""What is filled in is laid out as what people had written: no gap, both timelines, heads, every index."""

from bench.filling import BLOCK, PEERS, STRANGERS, Cast, fill
from models import conversations
from models.conversations import StoredKey
from models.db import Database, execute, fetch
from tests.models.storage import NOW, draft, opened, store

FIRST = 1_000_000  # of ids: those below it are given to people who are filled in
CAST = Cast(
    reader=f"person{FIRST}",
    peers=[f"person{FIRST + 1 + number}" for number in range(PEERS)],
    strangers=[(f"person{FIRST + 100 + number}", f"person{FIRST + 200 + number}") for number in range(STRANGERS)],
)
PAIRS = [(int(own.removeprefix("person")), int(peer.removeprefix("person"))) for _, own, peer in CAST.lanes()]
COUNT = 20 * BLOCK - 1
STORED = 2 * len(PAIRS)  # before
PEOPLE = sorted({person for pair in PAIRS for person in pair})
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname"
# What each message says of both its places, and what the timelines say.
TOLD = (
    "SELECT sender_id, sender_position, id FROM messages UNION ALL SELECT recipient_id, recipient_position, id"
    " FROM messages ORDER BY 1, 2"
)
LOGGED = "SELECT user_id, position, message_id FROM timelines ORDER BY 1, 2"


async def prepared(db: Database) -> None:
    for low, high in PAIRS:
        key = StoredKey(draft(low, high).conversation_id, (low, high), 1, "master", b"wrapped")
        await conversations.create(db, key, NOW)
        await store(db, draft(low, high), draft(high, low))


async def test_the_log_of_everybody_has_no_gap_and_agrees_with_the_messages(postgres_url):
    async with opened(postgres_url, *PEOPLE) as db:
        await prepared(db)
        before = await db.read(fetch, INDEXES)
        fill(postgres_url, CAST, COUNT, lambda _: None)
        logged = await db.read(fetch, LOGGED)
        assert logged == await db.read(fetch, TOLD)
        assert len(logged) == 2 * (COUNT + 1 + STORED)
        for person in PEOPLE:
            positions = [position for user_id, position, _ in logged if user_id == person]
            assert positions == list(range(1, len(positions) + 1))
            order = [message_id for user_id, _, message_id in logged if user_id == person]
            assert order == sorted(order)
            assert await db.read(fetch, "SELECT position FROM heads WHERE user_id = %s", (person,)) == [
                (len(positions),)
            ]
        assert await db.read(fetch, INDEXES) == before


async def test_half_is_between_the_reader_and_their_first_peer_and_a_quarter_between_strangers(postgres_url):
    async with opened(postgres_url, *PEOPLE) as db:
        await prepared(db)
        fill(postgres_url, CAST, COUNT, lambda _: None)
        counts = dict(await db.read(fetch, "SELECT conversation_id, count(*) FROM messages GROUP BY 1"))
        shares = [counts[draft(low, high).conversation_id] - 2 for low, high in PAIRS]
        assert shares[0] == (COUNT + 1) / 2
        assert sum(shares[1:PEERS]) == sum(shares[PEERS:]) == (COUNT + 1) / 4
        assert max(shares[1:PEERS]) - min(shares[1:PEERS]) <= 1


async def test_people_can_write_behind_it(postgres_url):
    async with opened(postgres_url, *PEOPLE) as db:
        await prepared(db)
        fill(postgres_url, CAST, COUNT, lambda _: None)
        last = (await db.read(fetch, "SELECT max(id) FROM messages"))[0][0]
        (stored,) = await store(db, draft(*PAIRS[0]))
        assert stored.message_id > last
        assert await db.read(execute, "SELECT 1 FROM messages WHERE body IS NULL OR length(body) < 7") == 0


async def test_with_many_messages_no_table_is_small(postgres_url):
    async with opened(postgres_url, *PEOPLE) as db:
        await prepared(db)
        fill(postgres_url, CAST, 20_000, lambda _: None)
        for table in ("users", "heads", "sessions", "conversations", "members", "conversation_keys", "receipts"):
            assert (await db.read(fetch, f"SELECT count(*) FROM {table}"))[0][0] >= 199, table
