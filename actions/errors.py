"""Why an action refuses: one family, a stable code each. The door turns it into a status or an error frame."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.db import Unavailable


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of the input."""

    field: str
    code: str
    detail: str


class Refused(Exception):
    """An action said no. `detail` is for a person; `code` is for a program and never changes its meaning."""

    code = "internal"

    def __init__(self, detail: str, *, code: str | None = None, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.faults = tuple(faults)


class Invalid(Refused):
    """The input has the right shape and a wrong meaning."""

    code = "invalid"

    @classmethod
    def field(cls, field: str, code: str, detail: str) -> "Invalid":
        """One field is wrong."""
        return cls(detail, faults=[Fault(field, code, detail)])


class Unauthenticated(Refused):
    """Nobody in particular is asking: no token, or one that is wrong, ended or run out."""

    code = "unauthenticated"


class SecondFactorRequired(Unauthenticated):
    """The password was right. With `token` and one of `factors` the sign-in is completed."""

    code = "second_factor_required"

    def __init__(self, token: str, factors: Sequence[str]) -> None:
        super().__init__("Show a second factor.")
        self.token = token
        self.factors = tuple(factors)


class Forbidden(Refused):
    """The caller is known and may not do this."""

    code = "forbidden"


class NotFound(Refused):
    """There is no such thing, or none that the caller may know of."""

    code = "not_found"


class Conflict(Refused):
    """It contradicts what is stored."""

    code = "conflict"


class TooMany(Refused):
    """A limit is spent; `retry_after` seconds from now there is room again."""

    code = "too_many_requests"

    def __init__(self, detail: str, *, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TryLater(Refused):
    """Something that is needed is busy or cannot be reached; nothing was stored by half."""

    code = "unavailable"

    def __init__(self, detail: str, *, retry_after: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


def as_refusal(error: Exception) -> Exception:
    """A failure of the layers below as the refusal it means; any other unchanged."""
    if isinstance(error, Unavailable):
        return TryLater("The database cannot be reached now. Try again.")
    return error
