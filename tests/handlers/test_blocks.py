"""Blocks: given and taken back as often as one likes, listed page by page, names of any script in the path."""

from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.handlers.raw import Person, pages
from tests.instances import Instance

Join = Callable[[], Person]


def listed(server: Instance, person: Person) -> list[str]:
    return [entry["username"] for entry in server.call("GET", "/api/blocks/", token=person.token).json]


def block(server: Instance, person: Person, name: str, method: str = "PUT") -> int:
    return server.call(method, f"/api/blocks/{quote(name, safe='')}/", token=person.token).status


def test_a_block_again_and_taken_back_again_is_204(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    assert listed(server, alice) == []
    assert [block(server, alice, bob.name) for _ in range(2)] == [204, 204]
    assert (listed(server, alice), listed(server, bob)) == ([bob.name], [])
    assert [block(server, alice, bob.name, "DELETE") for _ in range(2)] == [204, 204]
    assert listed(server, alice) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("name", ["nobody-at-all", "x" * 200, "..", "a/b", "Ω\u202e", "%"])
def test_an_unknown_person_is_not_found(server: Instance, joined: Join, method: str, name: str) -> None:
    assert block(server, joined(), name, method) == 404


def test_nobody_blocks_themselves(server: Instance, joined: Join) -> None:
    alice = joined()
    reply = server.call("PUT", f"/api/blocks/{alice.name}/", token=alice.token)
    assert (reply.status, [fault["field"] for fault in reply.json["errors"]]) == (400, ["username"])
    assert listed(server, alice) == []


def test_a_name_of_another_script_is_percent_encoded_in_the_path(server: Instance, joined: Join) -> None:
    alice, name = joined(), "жанна"
    server.register(name)
    assert block(server, alice, name) == 204
    assert listed(server, alice) == [name]
    assert block(server, alice, name.upper(), "DELETE") == 204
    assert listed(server, alice) == []


def test_a_path_that_is_not_utf_8_is_a_mistake_of_the_client(server: Instance, joined: Join) -> None:
    assert server.call("PUT", "/api/blocks/%ff/", token=joined().token).status in (400, 404)


def test_paging_misses_and_doubles_nothing(server: Instance, joined: Join) -> None:
    alice, *others = (joined() for _ in range(6))
    assert {block(server, alice, other.name) for other in others} == {204}
    for limit in (1, 2, 5, 500):
        found = []
        for page in pages(server, alice, f"/api/blocks?limit={limit}"):
            assert 0 < len(page) <= limit
            found += [entry["username"] for entry in page]
        assert sorted(found) == sorted(other.name for other in others)
