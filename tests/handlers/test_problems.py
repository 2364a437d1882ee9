"""Each refusal as a problem: its status, its code, its headers; nothing of an unknown cause."""

import msgspec
import pytest

from actions.errors import (
    Conflict,
    Fault,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    SecondFactorRequired,
    TooMany,
    TryLater,
    Unauthenticated,
)
from handlers.problems import CODES, DoorError, headers_of, problem_of, status_of


@pytest.mark.parametrize(
    ("error", "status", "code", "headers"),
    [
        (Invalid("x"), 400, "invalid", {}),
        (Unauthenticated("x"), 401, "unauthenticated", {"WWW-Authenticate": 'Bearer realm="recado"'}),
        (Forbidden("x"), 403, "forbidden", {}),
        (NotFound("x"), 404, "not_found", {}),
        (Conflict("x"), 409, "conflict", {}),
        (TooMany("x", retry_after=0.2), 429, "too_many_requests", {"Retry-After": "1"}),
        (TooMany("x", retry_after=6.1), 429, "too_many_requests", {"Retry-After": "7"}),
        (TryLater("x"), 503, "unavailable", {"Retry-After": "1"}),
        (DoorError(405, "x", headers={"Allow": "GET"}), 405, "method_not_allowed", {"Allow": "GET"}),
        (DoorError(500, "x"), 500, "internal", {}),
        (Unauthenticated("x", code="second_factor_required"), 401, "second_factor_required", None),
    ],
)
def test_each_error_has_its_status_code_and_headers(
    error: Exception, status: int, code: str, headers: dict[str, str] | None
) -> None:
    problem = problem_of(error, "id")
    assert (problem.status, problem.code, problem.detail, problem.request_id) == (status, code, "x", "id")
    assert headers is None or headers_of(error) == headers


def test_what_nobody_foresaw_is_internal_and_quotes_nothing() -> None:
    body = msgspec.json.decode(msgspec.json.encode(problem_of(ValueError("hunter2"), "id")))
    assert (body["status"], body["code"]) == (500, "internal")
    assert "hunter2" not in str(body)
    assert "ValueError" not in str(body)


def test_the_body_always_has_a_type_and_errors_only_when_there_are_some() -> None:
    body = msgspec.json.decode(msgspec.json.encode(problem_of(NotFound("x"), "id")))
    assert body == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "x",
        "code": "not_found",
        "request_id": "id",
    }
    faults = [Fault("a", "missing", "The field is missing."), Fault("b", "invalid", "No.")]
    body = msgspec.json.decode(msgspec.json.encode(problem_of(Invalid("x", faults=faults), "id")))
    assert [error["field"] for error in body["errors"]] == ["a", "b"]


def test_a_sign_in_that_goes_on_is_told_with_what() -> None:
    body = msgspec.json.decode(msgspec.json.encode(problem_of(SecondFactorRequired("mfa1_x", ("otp",)), "id")))
    told = {name: body[name] for name in ("status", "code", "mfa_required", "mfa_token", "factors")}
    assert list(told.values()) == [401, "second_factor_required", True, "mfa1_x", ["otp"]]


def test_every_refusal_has_a_status_of_its_own() -> None:
    kinds = Refused.__subclasses__()
    assert len({status_of(kind.__new__(kind)) for kind in kinds}) == len(kinds)


def test_every_status_of_the_door_has_a_word() -> None:
    assert all(code.replace("_", "").isalpha() for code in CODES.values())
