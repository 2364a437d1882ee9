"""The page for developers tells every frame with a sample, and every code with what now."""

import html
import json
import re

import pytest

from handlers.advice import ERRORS, FIELD_ERRORS
from handlers.asyncapi import DIALECTS, document
from handlers.reference_socket import codes, dialects, socket
from realtime.codes import CLOSE_CODES

MESSAGES = document()["components"]["messages"]


@pytest.mark.parametrize("name", MESSAGES)
def test_a_frame_is_told_with_its_fields_and_a_sample(name: str) -> None:
    found = re.search(rf'<article aria-labelledby="frame-{name}">.*?</article>', socket(), re.DOTALL)
    assert found
    message = MESSAGES[name]
    schema = document()["components"]["schemas"][message["payload"]["$ref"].rpartition("/")[2]]
    for field in schema["properties"]:
        assert f"<dt><code>{field}</code></dt>" in found[0]
    sample = re.search(r"<pre[^>]*><code>(.*?)</code></pre>", found[0], re.DOTALL)
    assert sample
    assert json.loads(html.unescape(sample[1])) == message["examples"][0]["payload"]


def test_each_dialect_has_a_place() -> None:
    assert [place for place, _ in dialects()] == [f"dialect-{spoken.dialect.name}" for spoken in DIALECTS]
    assert all(f'id="{place}"' in socket() for place, _ in dialects())


def test_every_way_to_show_a_token_is_told() -> None:
    for way in document()["components"]["securitySchemes"]:
        assert f"<dt><code>{way}</code></dt>" in socket()


def rows(place: str) -> list[list[str]]:
    """The cells of a table, as text."""
    table = re.search(rf'<section aria-labelledby="{place}">.*?</section>', codes(), re.DOTALL)
    assert table
    found = re.findall(r"<tr role=\"row\">(<td.*?)</tr>", table[0])
    return [
        [html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in found
    ]


def test_every_error_is_told_with_what_now() -> None:
    bare = [(str(each.status or "frame"), each.code, each.meaning, each.now) for each in ERRORS]
    assert rows("errors") == [[cell.replace("`", "") for cell in row] for row in bare]
    fields = [(each.code, each.meaning, each.now) for each in FIELD_ERRORS]
    assert rows("field-errors") == [[cell.replace("`", "") for cell in row] for row in fields]


def test_every_close_code_is_told_with_whether_to_come_back() -> None:
    told = {int(row[0]): row for row in rows("close-codes")}
    assert set(told) == {code.code for code in CLOSE_CODES.values()}
    for code in CLOSE_CODES.values():
        _, meaning, again, now = told[code.code]
        assert (meaning, now) == (code.meaning.replace("`", ""), code.now.replace("`", ""))
        assert again == code.reconnect.value.replace("_", " ").replace("after new", "after a new")
