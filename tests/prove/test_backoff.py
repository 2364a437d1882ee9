"""Clients wait before they come back, and do what close codes say."""

from random import Random

import pytest

from prove.backoff import MOST_SECONDS, Advice, advice, wait_seconds


@pytest.mark.parametrize(
    ("code", "wanted"),
    [(None, Advice.RESUME), (1006, Advice.RESUME), (1012, Advice.RESUME), (4408, Advice.RESUME), (4409, Advice.RESUME),
     (4429, Advice.RESUME), (4401, Advice.NEW_TOKEN), (4403, Advice.STOP), (1008, Advice.STOP), (1009, Advice.STOP)],
)  # fmt: skip
def test_each_close_code_has_its_advice(code: int | None, wanted: Advice) -> None:
    assert advice(code) is wanted


def test_the_wait_is_jittered_grows_is_bounded_and_never_less_than_asked_for() -> None:
    random = Random(1)
    waits = [wait_seconds(failures, random) for failures in range(2000)]
    assert len(set(waits)) == len(waits)
    assert max(waits[:2]) < MOST_SECONDS / 4
    assert max(waits) <= MOST_SECONDS
    assert min(wait_seconds(0, random, asked_ms=800) for _ in range(100)) >= 0.8
