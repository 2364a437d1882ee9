"""A client written for the first system of this kind (Django, Channels) works against Recado unchanged.

It knows section 1 of the contract and the plain frames, to the letter, and nothing that came later.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import requests
from tornado.httpclient import HTTPClientError

from tests.instances import Instance
from tests.talk import Talk, talking

PASSWORD = "correct horse battery"
REQUIRED = {"id", "sender", "recipient", "content", "timestamp"}
FRAME = {"sender", "message", "id", "recipient", "timestamp"}
SHAPES = [
    pytest.param("/", None, id="slash"),
    pytest.param("", None, id="no-slash"),
    pytest.param("/", "own", id="slash-origin"),
    pytest.param("", "own", id="no-slash-origin"),
]


class FirstClient:
    """What such a client does: exact bodies, a bearer, `?token=`, and never a redirect."""

    def __init__(self, instance: Instance, slash: str = "/", origin: str | None = None) -> None:
        self.instance = instance
        self.slash = slash
        self.http = requests.Session()
        self.origin = {} if origin is None else {"Origin": origin}
        self.http.headers.update(self.origin)
        self.refresh_token = ""
        self.access = ""

    def post(self, name: str, body: object) -> requests.Response:
        return self.http.post(self._url(name), json=body, allow_redirects=False, timeout=20)

    def get(self, name: str, **query: str) -> requests.Response:
        return self.http.get(self._url(name), params=query, allow_redirects=False, timeout=20)

    def register(self, name: str) -> requests.Response:
        return self.post("register", {"username": name, "password": PASSWORD})

    def login(self, name: str) -> requests.Response:
        return self._keep(self.post("login", {"username": name, "password": PASSWORD}))

    def refresh(self) -> requests.Response:
        return self._keep(self.post("refresh", {"refresh": self.refresh_token}))

    def join(self, name: str) -> "FirstClient":
        assert self.register(name).status_code == 201
        assert self.login(name).status_code == 200
        return self

    def exists(self, name: str) -> Any:
        return self.get("check-username", username=name).json()

    def messages(self) -> Any:
        answer = self.get("messages")
        assert answer.status_code == 200
        return answer.json()

    def socket(self) -> Any:
        path = self.instance.socket_url.rstrip("/") + self.slash
        return talking(path, self.access, headers=self.origin)

    def _keep(self, answer: requests.Response) -> requests.Response:
        if answer.status_code == 200:
            pair = answer.json()
            self.access, self.refresh_token = pair["access"], pair["refresh"]
            self.http.headers["Authorization"] = f"Bearer {self.access}"
        return answer

    def _url(self, name: str) -> str:
        return f"{self.instance.url}/api/auth/{name}{self.slash}"


@pytest.fixture
def clients(instance: Instance, request: pytest.FixtureRequest) -> Iterator[tuple[FirstClient, FirstClient]]:
    """Two clients, in the shape that the test is run with."""
    slash, origin = getattr(request, "param", ("/", None))
    origin = instance.url if origin == "own" else origin
    pair = FirstClient(instance, slash, origin), FirstClient(instance, slash, origin)
    yield pair
    for client in pair:
        client.http.close()


def shaped(test: Any) -> Any:
    """Run a test with every shape of the first clients' requests."""
    ways = [pytest.param(tuple(shape.values), id=shape.id) for shape in SHAPES]
    return pytest.mark.parametrize("clients", ways, indirect=True)(test)


async def rest_of(talk: Talk) -> list[Any]:
    """Say goodbye, and everything that still came before the end."""
    talk.connection.close()
    heard = []
    while (frame := await talk.hear()) is not None:
        heard.append(frame)
    return heard


async def until(talk: Talk, text: str) -> list[Any]:
    """Every frame up to the one that says this."""
    heard = [await talk.hear()]
    while heard[-1] is not None and heard[-1].get("message") != text:
        heard.append(await talk.hear())
    return heard


@shaped
async def test_the_whole_story_of_a_first_client(clients: tuple[FirstClient, FirstClient]) -> None:
    alice, bob = clients
    assert alice.exists("alice") == {"exists": False}
    registered = alice.register("alice")
    assert (registered.status_code, registered.json()) == (201, {"username": "alice"})
    assert alice.exists("alice") == {"exists": True}
    signed_in = alice.login("alice")
    assert signed_in.status_code == 200
    assert set(signed_in.json()) == {"access", "refresh"}
    first = alice.refresh_token
    refreshed = alice.refresh()
    assert refreshed.status_code == 200
    assert set(refreshed.json()) == {"access", "refresh"}
    assert alice.refresh_token != first
    bob.join("bob")

    async with alice.socket() as at_alice, bob.socket() as at_bob:
        await at_alice.say({"recipient": "bob", "content": "hi"})
        frame = await at_bob.hear()
        assert set(frame) == FRAME
        assert (frame["sender"], frame["recipient"], frame["message"]) == ("alice", "bob", "hi")
        assert await at_alice.hear() == frame
        answer = bob.post("send", {"recipient": "alice", "content": "hello"})
        assert answer.status_code == 201
        assert set(answer.json()) == REQUIRED
        assert (await at_alice.hear())["message"] == "hello"
        assert (await at_bob.hear())["message"] == "hello"

    listed = alice.messages()
    assert listed == bob.messages()
    assert all(set(message) == REQUIRED for message in listed)
    assert [(one["sender"], one["recipient"], one["content"]) for one in listed] == [
        ("bob", "alice", "hello"),
        ("alice", "bob", "hi"),
    ]


@shaped
async def test_only_plain_frames_arrive_on_every_device(clients: tuple[FirstClient, FirstClient]) -> None:
    alice, bob = clients[0].join("alice"), clients[1].join("bob")
    async with AsyncExitStack() as stack:
        devices = [await stack.enter_async_context(who.socket()) for who in (alice, alice, bob, bob, bob)]
        for turn in range(10):
            await devices[0].say({"recipient": "bob", "content": f"ping {turn}"})
            await devices[4].say({"recipient": "alice", "content": f"pong {turn}"})
        # What a later dialect would tell about: other sessions, reads, repeats, mistakes of others.
        assert alice.messages() is not None
        assert bob.login("bob").status_code == 200
        bob.refresh()
        once = {"recipient": "alice", "content": "once", "client_id": "6f1f1a3e-3c1c-4b0a-9d7b-0d8a4f1f0001"}
        assert [bob.post("send", once).status_code for _ in range(2)] == [201, 200]
        for _ in range(21):  # the last word goes out behind all that was said before
            await devices[0].hear()
        await devices[4].say({"recipient": "alice", "content": "end"})
        heard = [await until(device, "end") + await rest_of(device) for device in devices[1:]]
    assert all(frames == heard[0] for frames in heard)
    assert [set(frame) for frame in heard[0]] == [FRAME] * 22
    assert [frame["message"] for frame in heard[0] if frame["sender"] == "alice"] == [f"ping {n}" for n in range(10)]
    assert [frame["message"] for frame in heard[0] if frame["message"].startswith("pong")] == [
        f"pong {n}" for n in range(10)
    ]
    assert [frame["message"] for frame in heard[0]].count("once") == 1


async def test_a_mistake_is_told_to_whoever_made_it_and_the_talk_goes_on(
    clients: tuple[FirstClient, FirstClient],
) -> None:
    alice, bob = clients[0].join("alice"), clients[1].join("bob")
    mistakes: list[Any] = [
        "not json",
        {},
        [],
        {"recipient": "bob"},
        {"recipient": "bob", "content": "  "},
        {"recipient": "nobody.here", "content": "hi"},
    ]
    async with alice.socket() as at_alice, alice.socket() as beside, bob.socket() as at_bob:
        for mistake in mistakes:
            await at_alice.say(mistake)
            told = await at_alice.hear()
            assert {"error", "code"} <= set(told) <= {"error", "code", "field"}, mistake
            assert isinstance(told["error"], str)
        await at_alice.say({"recipient": "bob", "content": "still here"})
        for talk in (at_alice, beside, at_bob):
            assert [frame["message"] for frame in await until(talk, "still here")] == ["still here"]
            assert await rest_of(talk) == []


async def test_a_note_to_oneself_arrives_once(clients: tuple[FirstClient, FirstClient]) -> None:
    alice = clients[0].join("alice")
    async with alice.socket() as one, alice.socket() as other:
        await one.say({"recipient": "alice", "content": "milk"})
        await one.say({"recipient": "alice", "content": "end"})
        for talk in (one, other):
            heard = await until(talk, "end") + await rest_of(talk)
            assert [frame["message"] for frame in heard] == ["milk", "end"]
    assert [message["content"] for message in alice.messages()] == ["end", "milk"]


def test_refusals_are_those_of_the_contract(clients: tuple[FirstClient, FirstClient]) -> None:
    alice, stranger = clients
    alice.join("alice")
    assert alice.register("ALICE").status_code == 409
    bad = alice.post("register", {"username": "x", "password": "short"})
    assert bad.status_code == 400
    assert {fault["field"] for fault in bad.json()["errors"]} == {"username", "password"}
    wrong = [
        stranger.post("login", {"username": name, "password": "not the password"}) for name in ("alice", "nobody.here")
    ]
    assert [answer.status_code for answer in wrong] == [401, 401]
    assert _without_id(wrong[0]) == _without_id(wrong[1])
    assert stranger.get("messages").status_code == 401
    assert stranger.post("refresh", {"refresh": "nonsense"}).status_code == 401
    assert alice.post("send", {"recipient": "nobody.here", "content": "hi"}).status_code == 404
    for name in ("register", "login", "refresh", "send"):
        answer = alice.post(name, [])
        assert answer.status_code == 400, name
        assert answer.headers["Content-Type"].startswith("application/problem+json")


def test_fields_that_first_clients_added_are_ignored(clients: tuple[FirstClient, FirstClient]) -> None:
    alice = clients[0]
    body = {"username": "alice", "password": PASSWORD}
    assert alice.post("register", body | {"email": "a@example.org", "password2": PASSWORD}).status_code == 201
    assert alice.post("login", body | {"remember": True}).status_code == 200


def test_the_access_token_is_a_jwt_that_a_first_client_can_look_into(
    clients: tuple[FirstClient, FirstClient],
) -> None:
    alice = clients[0].join("alice")
    payload = alice.access.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["token_type"] == "access"
    assert isinstance(claims["exp"], int)


@pytest.mark.parametrize("token", ["nonsense", "", None])
async def test_a_bad_token_is_refused_before_the_upgrade(instance: Instance, token: str | None) -> None:
    with pytest.raises(HTTPClientError) as refused:
        async with talking(instance.socket_url, token):
            pass
    assert refused.value.code == 401


async def test_a_page_of_another_origin_is_refused(clients: tuple[FirstClient, FirstClient]) -> None:
    alice = clients[0].join("alice")
    alice.origin["Origin"] = alice.http.headers["Origin"] = "https://elsewhere.example"
    assert alice.get("messages").status_code == 403
    with pytest.raises(HTTPClientError) as refused:
        async with alice.socket():
            pass
    assert refused.value.code == 403


def _without_id(answer: requests.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "request_id"}
