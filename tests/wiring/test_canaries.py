"""A ring is taken for the database's own when it opens a canary, so that keys can be changed and not mistaken."""

from dataclasses import replace

from crypto.keyring import Ring, make_key
from tests.rooms import make_keys
from wiring.canaries import make_canaries, rings_of, strangers


def test_the_rings_that_made_the_canaries_are_no_strangers() -> None:
    keys = make_keys()
    assert strangers(rings_of(keys), make_canaries(keys)) == {}


def test_a_purpose_without_a_canary_knows_no_strangers() -> None:
    assert strangers(rings_of(make_keys()), {}) == {}


def test_another_ring_is_a_stranger_and_the_needed_key_is_named() -> None:
    keys = make_keys()
    other = replace(keys, bus=Ring((make_key(),)))
    assert strangers(rings_of(other), make_canaries(keys)) == {"bus": [keys.bus.current.id]}


def test_a_key_can_be_changed_in_two_steps() -> None:
    keys = make_keys()
    fresh = make_key()
    both = replace(keys, access=Ring((fresh, keys.access.current)))
    canaries = make_canaries(keys)
    assert strangers(rings_of(both), canaries) == {}
    canaries |= make_canaries(both)
    assert strangers(rings_of(replace(keys, access=Ring((fresh,)))), canaries) == {}
