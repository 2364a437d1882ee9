"""The page for developers tells every call and every shape, as the OpenAPI document has them."""

import re

import pytest

from handlers.openapi import document
from handlers.operation import Operation
from handlers.reference_calls import TAGS, calls, groups, shapes
from handlers.routes import OPERATIONS


def told_of(operation: Operation) -> str:
    """The article about a call."""
    place = document()["paths"][operation.path][operation.method.lower()]["operationId"]
    found = re.search(rf'<article aria-labelledby="{place}">.*?</article>', calls(), re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_a_call_is_told_with_its_fields_its_answers_and_its_errors(operation: Operation) -> None:
    told = told_of(operation)
    assert f"<b>{operation.method}</b> <code>{operation.path}</code>" in told
    for shape in (operation.body, operation.query):
        for name in () if shape is None else shape.__struct_encode_fields__:
            assert f"<dt><code>{name}</code></dt>" in told
    for name in re.findall(r"{(\w+)}", operation.path):
        assert f"<dt><code>{name}</code></dt>" in told
    for status in (*operation.answers, *operation.problems, 400, 429, 503):
        assert f"<code>{status}</code>" in told
    assert ("Needs an access token." in told) == operation.signed_in


def test_every_group_of_calls_has_a_title() -> None:
    assert {operation.tags[0] for operation in OPERATIONS} <= set(TAGS), "name the new tag in TAGS"
    assert groups() == [(f"calls-{tag}", title) for tag, title in TAGS.items()]


def test_the_shapes_of_all_answers_are_told() -> None:
    told = shapes()
    for name in ("Message", "Problem", "TokenPair", "Conversation", "Events"):
        assert f'<article aria-labelledby="shape-{name}"><h3 id="shape-{name}">' in told
    assert "shape-Credentials" not in told  # the body of a call is told with it
