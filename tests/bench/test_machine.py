"""Cores are shared out so that the server has one alone, and are given back."""

import os

import pytest

from bench.machine import Cores, description, pinned, share


def test_on_two_cores_the_databases_are_beside_the_load():
    assert share([0, 1]) == Cores(frozenset({0}), frozenset({1}), frozenset({1}))


def test_with_more_cores_the_databases_have_the_rest():
    assert share([5, 3, 4, 2]) == Cores(frozenset({2}), frozenset({3}), frozenset({4, 5}))


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
