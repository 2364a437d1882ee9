"""Cores are shared out so that the server has one alone, and are given back."""

import os

import pytest

from bench.machine import Cores, description, pinned, share


def test_on_two_cores_the_databases_are_beside_the_load():
    found = share([0, 1])
    assert (found.server, found.load, found.databases) == ({0}, {1}, {1})


def test_with_more_cores_the_databases_have_the_rest():
    assert share([5, 3, 4, 2, 6]) == Cores(frozenset({2}), frozenset({3}), frozenset({4, 5}), frozenset({6}))
    assert share([0, 1, 2]).databases == {2}


def test_a_second_instance_has_a_core_of_its_own_where_there_are_four():
    assert share([0, 1, 2, 3]).second == {3}
    assert share([0, 1, 2, 3]).has_spare
    for few in ([0, 1], [0, 1, 2]):
        assert share(few).second == set(few)
        assert not share(few).has_spare
    assert not share(range(4), databases_anywhere=True).has_spare
    assert not Cores().has_spare


def test_it_is_told_whose_each_core_is():
    assert share([0, 1]).told() == "server 0; load generator 1; PostgreSQL and Redis 1; second instance 0, 1"


def test_the_databases_may_be_left_anywhere():
    assert share([0, 1], databases_anywhere=True).databases == {0, 1}


def test_with_one_core_nothing_is_pinned():
    assert share([0]) == share([]) == Cores()
    assert share([0]).told() == "not pinned"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system gives no cores away")
def test_cores_are_taken_inside_the_block_only():
    before = os.sched_getaffinity(0)
    with pinned(frozenset({min(before)})):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before


def test_the_description_names_the_processor_and_the_libraries():
    assert {"processor", "cores", "memory", "tornado", "picows"} <= set(description())
