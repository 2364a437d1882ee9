"""Errors over HTTP: RFC 9457 problem details, a stable `code` each, nothing of the cause."""

import math
from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from msgspec import UNSET, UnsetType

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

MEDIA_TYPE = "application/problem+json; charset=utf-8"

STATUS: dict[type[Refused], int] = {
    Invalid: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooMany: 429,
    TryLater: 503,
}

# For what the door itself refuses: status → code.
CODES = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    415: "unsupported_media_type",
    421: "misdirected",
    426: "upgrade_required",
    429: "too_many_requests",
    500: "internal",
    503: "unavailable",
}


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field."""

    field: str
    code: str
    detail: str


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457 §3.1, with `code` for programs and `request_id` for whoever reads the log.

    `errors` are for validation; `mfa_token`, and with which `factors` it is good, for a sign-in that goes on.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldError] | UnsetType = UNSET
    mfa_required: bool | UnsetType = UNSET
    mfa_token: str | UnsetType = UNSET
    factors: list[str] | UnsetType = UNSET


class DoorError(Exception):
    """The door refuses a request for its form."""

    def __init__(
        self, status: int, detail: str, *, headers: dict[str, str] | None = None, faults: Sequence[Fault] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.faults = tuple(faults)


def status_of(error: Refused) -> int:
    """The status that says what an action refused."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def headers_of(error: Exception) -> dict[str, str]:
    """The headers that go with an error."""
    if isinstance(error, DoorError):
        return error.headers
    if isinstance(error, TooMany | TryLater):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="recado"'}
    return {}


def problem_of(error: Exception, request_id: str) -> Problem:
    """What a client is told. An unknown failure is `internal`, and nothing else."""
    if isinstance(error, Refused):
        status, code, detail, faults = status_of(error), error.code, error.detail, error.faults
    elif isinstance(error, DoorError):
        status, detail, faults = error.status, error.detail, error.faults
        code = CODES.get(status, "invalid")
    else:
        status, code, detail, faults = (
            500,
            "internal",
            "Something went wrong here. The request id finds it.",
            (),
        )
    waits = error if isinstance(error, SecondFactorRequired) else None
    return Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        request_id=request_id,
        errors=[FieldError(fault.field, fault.code, fault.detail) for fault in faults] or UNSET,
        mfa_required=True if waits else UNSET,
        mfa_token=waits.token if waits else UNSET,
        factors=list(waits.factors) if waits else UNSET,
    )
