"""Who keeps the log: keys that move on, records that open for their person only, a head that nobody else can write."""

import pytest

from actions.audit_keeper import Keeper, Personal, checkpoint_of
from crypto import chain, checkpoints
from crypto.errors import UnknownKey
from crypto.keyring import Ring, make_key
from models.audit import Head, Record, Stored

RECORD = Record(5, "login", "ok", 1, 2, "127.0.0.0/24", "", "target", "r1")


@pytest.fixture
def keeper() -> Keeper:
    ring = Ring((make_key(),))
    return Keeper(lambda: ring)


def row_of(personal: bytes, actor_id: int | None = 1) -> Stored:
    return Stored(1, 5, actor_id, personal, "login", "ok", "", "r1", "i", 0, chain.NO_LINK, b"", b"")


def test_a_head_is_sound_until_somebody_else_writes_it(keeper: Keeper) -> None:
    head = keeper.begin()
    assert keeper.is_sound(head)
    for changed in ({"id": 1}, {"link": bytes(31) + b"x"}, {"log": "other"}, {"epoch": 1}, {"mac": bytes(32)}):
        assert not keeper.is_sound(head._replace(**changed))


def test_what_is_said_of_a_person_opens_with_their_key_only(keeper: Keeper) -> None:
    (_, mine), (_, other) = keeper.make_person(1), keeper.make_person(2)
    row = row_of(keeper.seal("log", 1, RECORD, mine))
    assert keeper.open("log", row, mine) == Personal("127.0.0.0/24", 2, "target")
    assert b"127.0" not in row.personal
    for log, moved, key in (("other", row, mine), ("log", row._replace(id=2), mine), ("log", row, other)):
        assert keeper.open(log, moved, key) == Personal()


def test_of_somebody_who_was_forgotten_nothing_is_said(keeper: Keeper) -> None:
    assert keeper.seal("log", 1, RECORD, b"") == b""
    assert keeper.open("log", row_of(b""), None) == Personal()


def test_a_record_in_nobodys_name_opens_with_the_servers_key(keeper: Keeper) -> None:
    row = row_of(keeper.seal("log", 1, RECORD, None), None)
    assert keeper.open("log", row, None) == Personal("127.0.0.0/24", 2, "target")
    strange = Ring((make_key(),))
    assert Keeper(lambda: strange).open("log", row, None) == Personal()


def test_each_checkpoint_is_signed_follows_the_one_before_and_turns_the_key(keeper: Keeper) -> None:
    head, previous, keys = keeper.begin(), None, []
    for number in (1, 2, 3):
        keys.append(keeper.key(head))
        turned = keeper.turn(head, previous, at=9, floor=0, floor_link=chain.NO_LINK)
        made = checkpoint_of(turned.checkpoint)
        checkpoints.check(keeper.public_keys(), made)
        before = checkpoints.digest(checkpoint_of(previous)) if previous else checkpoints.NO_CHECKPOINT
        assert (made.number, made.previous, made.record) == (number, before, 0)
        head, previous = head._replace(epoch=number, key=turned.key, mac=turned.mac), turned.checkpoint
        assert keeper.is_sound(head)
    first = keeper.first_key(head)
    assert keys == [first, chain.next_key(keys[0]), chain.next_key(keys[1])]


def test_another_key_of_the_ring_opens_what_the_older_one_has_sealed() -> None:
    old, new = make_key(), make_key()
    ring = Ring((old,))
    keeper = Keeper(lambda: ring)
    head = keeper.begin()
    _, person = keeper.make_person(1)
    row = row_of(keeper.seal("log", 1, RECORD, person))
    ring = Ring((new, old))
    assert keeper.is_sound(head)
    key_id, again = keeper.reseal(1, person)
    assert key_id == new.id
    ring = Ring((new,))
    assert keeper.open("log", row, again).network == "127.0.0.0/24"
    with pytest.raises(UnknownKey):
        Keeper(lambda: ring).is_sound(head)


def test_the_first_key_is_there_until_it_is_taken(keeper: Keeper) -> None:
    head: Head = keeper.begin()
    assert keeper.first_key(head) == keeper.key(head)
    assert keeper.first_key(head._replace(first_key=None)) is None
