"""/.well-known/security.txt (RFC 9116): who to write to, until when that holds, where it belongs."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from handlers.security_txt import FRESH, written
from tests.handlers.raw import ask
from tests.instances import Instance

PATH = "/.well-known/security.txt"
CONTACT = "mailto:security@chat.example"
NOW = 1_800_000_000_000  # 2027-01-15T08:00:00Z


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance that names a contact, and its own address."""
    settings = {"RECADO_SERVER_SECURITY_CONTACT": CONTACT, "RECADO_SERVER_PUBLIC_URL": "https://chat.example"}
    with Instance(tmp_path_factory.mktemp("named"), settings=settings) as running:
        yield running


def fields(text: str) -> dict[str, str]:
    """The fields; each may stand there once, and nothing else may (RFC 9116 §2, §4)."""
    assert text.endswith("\r\n")
    lines = text.split("\r\n")[:-1]
    found = dict(line.split(": ", 1) for line in lines)
    assert len(found) == len(lines)
    return found


def test_the_fields_are_those_of_the_settings_and_the_clock() -> None:
    assert fields(written(CONTACT, "https://chat.example", NOW)) == {
        "Contact": CONTACT,
        "Expires": "2027-04-15T00:00:00Z",
        "Canonical": "https://chat.example/.well-known/security.txt",
    }
    assert fields(written("https://chat.example/x", "", NOW)).keys() == {"Contact", "Expires"}


def test_it_holds_for_less_than_a_year_and_not_from_yesterday() -> None:
    # RFC 9116 §2.5.5
    assert timedelta(days=7) < FRESH < timedelta(days=365)
    for now in range(NOW, NOW + 86_400_000, 3_599_000):
        expires = datetime.fromisoformat(fields(written(CONTACT, "", now))["Expires"])
        assert FRESH - timedelta(days=1) <= expires - datetime.fromtimestamp(now / 1000, UTC) <= FRESH


def test_a_server_that_names_a_contact_shows_it_to_everybody(named: Instance) -> None:
    reply = ask(named, "GET", PATH)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert fields(reply.body.decode())["Contact"] == CONTACT
    assert fields(reply.body.decode())["Canonical"] == f"https://chat.example{PATH}"
    head = ask(named, "HEAD", PATH)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(reply.body)))
    refused = ask(named, "POST", PATH)
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")
    assert re.fullmatch(r"[\x20-\x7e\r\n]+", reply.body.decode())


def test_a_server_that_names_none_has_no_such_file(server: Instance) -> None:
    reply = ask(server, "GET", PATH)
    assert (reply.status, reply.json["code"]) == (404, "not_found")
