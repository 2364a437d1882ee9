"""The family of refusals."""

import pytest

from actions.errors import (
    Conflict,
    Fault,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    TooMany,
    TryLater,
    Unauthenticated,
    as_refusal,
)
from models.db import Unavailable

CODES = {
    Invalid: "invalid",
    Unauthenticated: "unauthenticated",
    Forbidden: "forbidden",
    NotFound: "not_found",
    Conflict: "conflict",
}


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_each_refusal_has_its_code(kind: type[Refused], code: str) -> None:
    error = kind("No.")
    assert (error.code, error.detail, str(error), error.faults) == (code, "No.", "No.", ())


def test_every_refusal_is_one_of_the_family_and_has_a_code_of_its_own() -> None:
    kinds = Refused.__subclasses__()
    assert {*CODES, TooMany, TryLater} <= set(kinds)
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_one_occasion_may_have_a_code_of_its_own() -> None:
    assert Conflict("No.", code="taken").code == "taken"
    assert Conflict("No.").code == "conflict"


def test_the_fault_of_one_field() -> None:
    error = Invalid.field("content", "empty", "The message is empty.")
    assert error.faults == (Fault("content", "empty", "The message is empty."),)
    assert error.detail == "The message is empty."


def test_a_spent_limit_and_a_busy_server_say_when_to_come_back() -> None:
    assert TooMany("No.", retry_after=2.5).retry_after == 2.5
    assert TryLater("No.").retry_after > 0


def test_a_database_out_of_reach_is_told_as_try_later_and_without_its_words() -> None:
    refusal = as_refusal(Unavailable("OperationalError 08006"))
    assert isinstance(refusal, TryLater)
    assert "08006" not in refusal.detail


def test_any_other_error_stays_what_it_is() -> None:
    for error in (NotFound("No."), ValueError("x"), KeyError("x")):
        assert as_refusal(error) is error
