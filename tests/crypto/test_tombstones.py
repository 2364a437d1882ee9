"""A name that nobody may take again is kept as a MAC: found again by any key of the ring, never read."""

from crypto.keyring import Ring, make_key
from crypto.tombstones import known, marks

OLD, NEW = make_key(), make_key()
LOOKS = frozenset({"alice", "a1ice"})


def test_a_name_and_its_looks_are_known_again() -> None:
    kept = {mark.mac for mark in marks(Ring((OLD,)), "alice", LOOKS)}
    assert len(kept) == 3
    assert kept == set(known(Ring((OLD,)), "alice", LOOKS))
    assert not kept & set(known(Ring((OLD,)), "bob", {"bob"}))


def test_who_looks_like_it_is_known_by_the_look_alone() -> None:
    kept = {mark.mac for mark in marks(Ring((OLD,)), "alice", LOOKS)}
    assert kept & set(known(Ring((OLD,)), "other", {"a1ice"}))
    # A name is no look: they are different things.
    assert not kept & set(known(Ring((OLD,)), "a1ice", {"else"}))


def test_a_new_current_key_still_knows_what_the_old_one_has_marked() -> None:
    kept = {mark.mac for mark in marks(Ring((OLD,)), "alice", LOOKS)}
    assert kept & set(known(Ring((NEW, OLD)), "alice", LOOKS))
    assert not kept & set(known(Ring((NEW,)), "alice", LOOKS))
    assert {mark.key_id for mark in marks(Ring((NEW, OLD)), "alice", LOOKS)} == {NEW.id}


def test_a_mark_tells_nothing_of_the_name() -> None:
    assert all(b"alice" not in mark.mac and len(mark.mac) == 32 for mark in marks(Ring((OLD,)), "alice", LOOKS))
