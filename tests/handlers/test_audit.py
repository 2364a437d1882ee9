"""One's own security events over HTTP: words for people, pages, nobody else's."""

import re
from collections.abc import Callable

import pytest
from tornado.httpclient import AsyncHTTPClient

from actions import audit
from handlers.audit import MOST_IN_PAGE
from models.db import fetch
from tests.handlers.inside import running_door
from tests.handlers.raw import Person, pages
from tests.instances import Instance

PATH = "/api/auth/audit/"
Join = Callable[[], Person]


def test_what_was_done_in_my_name(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    assert server.call("POST", "/api/auth/login/", {"username": alice.name, "password": "not mine"}).status == 401
    reply = server.call("GET", PATH, token=alice.token)
    assert reply.status == 200
    assert [event["title"] for event in reply.json] == ["Sign-in refused", "Signed in", "Account created"]
    refused, signed_in, _ = reply.json
    assert refused["outcome"] == "refused"
    assert refused["network"] == "127.0.0.0/24"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", refused["at"])
    assert signed_in["session_id"]
    assert "Python-urllib" in signed_in["device"]
    theirs = {event["id"] for event in server.call("GET", PATH, token=bob.token).json}
    assert not theirs & {event["id"] for event in reply.json}


def test_nobody_in_particular_has_none(server: Instance) -> None:
    assert server.call("GET", PATH).status == 401


def test_paging_misses_and_doubles_nothing(server: Instance, joined: Join) -> None:
    alice = joined()
    for _ in range(4):
        server.sign_in(alice.name)
    for limit in (1, 2, 5, 6, MOST_IN_PAGE):
        found = []
        for page in pages(server, alice, f"{PATH}?limit={limit}"):
            assert 0 < len(page) <= limit
            found += [event["id"] for event in page]
        assert len(found) == 6
        assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("query", ["limit=0", f"limit={MOST_IN_PAGE + 1}", "before=-1", "before=x", "user=1"])
def test_another_query_is_refused(server: Instance, joined: Join, query: str) -> None:
    assert server.call("GET", f"{PATH}?{query}", token=joined().token).status == 400


async def test_an_origin_that_was_refused_is_recorded(sqlite_url: str) -> None:
    async with running_door(sqlite_url) as inside:
        url = f"http://localhost:{inside.port}{PATH}"
        refused = {
            "origin": {"Origin": "https://evil.example"},
            "site": {"Sec-Fetch-Site": "cross-site"},
        }
        for headers in refused.values():
            reply = await AsyncHTTPClient().fetch(url, headers=headers, raise_error=False)
            assert reply.code == 403
        await audit.flush(inside.app)
        found = await inside.app.db.read(fetch, "SELECT action, outcome, reason FROM audit ORDER BY id")
        assert found == [("origin", "refused", reason) for reason in refused]
