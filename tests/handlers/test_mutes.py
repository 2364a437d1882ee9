"""Mutes over HTTP: put, taken back, listed by page; nobody else's."""

from collections.abc import Callable

from tests.handlers.raw import Person
from tests.instances import Instance

Join = Callable[[], Person]


def test_a_mute_is_put_listed_by_page_and_taken_back(server: Instance, joined: Join) -> None:
    alice, *others = (joined() for _ in range(3))
    for other in others:
        for _ in range(2):
            assert server.call("PUT", f"/api/mutes/{other.name}/", token=alice.token).status == 204
    page = server.call("GET", "/api/mutes/?limit=1", token=alice.token)
    (link,) = [page.headers["link"].partition(">")[0].removeprefix("<")]
    rest = server.call("GET", link, token=alice.token)
    assert {each["username"] for each in page.json + rest.json} == {other.name for other in others}
    assert "link" not in rest.headers
    assert server.call("GET", "/api/mutes/", token=others[0].token).json == []
    for other in others:
        assert server.call("DELETE", f"/api/mutes/{other.name}/", token=alice.token).status == 204
    assert server.call("GET", "/api/mutes/", token=alice.token).json == []
    assert server.call("PUT", "/api/mutes/nobody.at.all/", token=alice.token).json["code"] == "not_found"
