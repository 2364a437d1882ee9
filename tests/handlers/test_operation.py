"""What an operation says of itself: who may ask, and what it is read into when it says nothing."""

import msgspec
import pytest

from handlers.operation import Answer, Call, NoFields, Nothing, Operation


class Shape(msgspec.Struct):
    """Some shape."""

    name: str


async def act(call: Call[None, None]) -> Answer:
    """Do nothing."""
    return Answer()


def test_without_a_shape_everything_is_refused_or_ignored() -> None:
    strict = Operation("GET", "/x/", act, "x", answers={})
    assert (strict.body_shape, strict.query_shape) == (NoFields, NoFields)
    lenient = Operation("GET", "/x/", act, "x", answers={}, lenient=True)
    assert (lenient.body_shape, lenient.query_shape) == (Nothing, Nothing)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"a": 1}, strict.query_shape)
    assert msgspec.convert({"a": 1}, lenient.query_shape) == Nothing()


def test_a_shape_that_was_given_is_the_shape() -> None:
    operation = Operation("POST", "/x/", act, "x", answers={}, body=Shape, query=Shape)
    assert (operation.body_shape, operation.query_shape) == (Shape, Shape)


def test_an_operation_asks_for_a_caller_unless_it_says_otherwise() -> None:
    assert Operation("GET", "/x/", act, "x", answers={}).signed_in


def test_a_call_without_a_caller_has_none_to_give() -> None:
    call: Call[None, None] = Call(app=None, origin=None, body=None, query=None, path={}, url="/x/")  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        _ = call.caller
