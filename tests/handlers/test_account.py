"""Taking everything along and erasing it, over HTTP: one file in pieces, a proof before what cannot be undone."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPStreamClosedError

from actions import export
from tests.handlers.inside import running_door
from tests.handlers.raw import Person, told
from tests.instances import Instance, Reply

PASSWORD = "correct horse battery"


def send(server: Instance, person: Person, to: str, content: str) -> int:
    reply = server.call("POST", "/api/auth/send/", {"recipient": to, "content": content}, token=person.token)
    assert reply.status == 201
    number: int = reply.json["id"]
    return number


def listed(server: Instance, person: Person) -> list[str]:
    return [each["content"] for each in server.call("GET", "/api/auth/messages/", token=person.token).json]


def test_the_export_is_one_file_to_keep(server: Instance, joined: Any) -> None:
    alice, bob = joined(), joined()
    send(server, alice, bob.name, "hi")
    reply = server.call("POST", "/api/auth/export/", token=alice.token)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/zip"
    assert reply.headers["content-disposition"] == 'attachment; filename="recado-export.zip"'
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["x-request-id"]
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        (line,) = archive.read("messages.jsonl").splitlines()
        assert json.loads(line)["content"] == "hi"
        assert json.loads(archive.read("manifest.json"))["username"] == alice.name
    told(server, '"route": "/api/auth/export/", "status": 200')  # written behind the answer


def test_a_conversation_is_deleted_by_the_name_of_the_other_one(server: Instance, joined: Any) -> None:
    alice, bob = joined(), joined()
    send(server, alice, bob.name, "mine")
    send(server, bob, alice.name, "theirs")
    path = f"/api/conversations/{bob.name}/"
    assert server.call("DELETE", path, token=alice.token).status == 204
    assert server.call("DELETE", path, token=alice.token).status == 204
    assert (listed(server, alice), listed(server, bob)) == ([], ["theirs"])
    assert server.call("DELETE", "/api/conversations/nobody.at.all/", token=alice.token).status == 404


def test_an_account_is_erased_with_its_password_only(server: Instance, joined: Any) -> None:
    alice, bob = joined(), joined()
    send(server, alice, bob.name, "mine")
    path = "/api/auth/account/"
    assert server.call("DELETE", path, token=alice.token).status == 415
    assert server.call("DELETE", path, {}, token=alice.token).status == 400
    wrong = server.call("DELETE", path, {"password": "wrong horse battery"}, token=alice.token)
    assert (wrong.status, wrong.json["code"]) == (401, "wrong_password")
    assert server.call("DELETE", path, {"password": PASSWORD}, token=alice.token).status == 204
    assert server.call("GET", "/api/users/me/", token=alice.token).status == 401
    credentials = {"username": alice.name, "password": PASSWORD}
    assert server.call("POST", "/api/auth/login/", credentials).status == 401
    assert server.call("POST", "/api/auth/register/", credentials).status == 409
    assert server.call("GET", f"/api/auth/check-username/?username={alice.name}").json == {"exists": True}
    assert listed(server, bob) == []


def test_the_page_loses_its_cookie_with_the_account(server: Instance, joined: Any) -> None:
    alice = joined()
    headers = {"X-Recado-Session": "cookie", "Origin": server.url}
    reply: Reply = server.call(
        "DELETE", "/api/auth/account/", {"password": PASSWORD}, token=alice.token, headers=headers
    )
    assert reply.status == 204
    assert "__Host-recado=; Path=/; Max-Age=0" in reply.headers["set-cookie"]
    assert reply.headers["clear-site-data"] == '"cache", "storage"'


async def test_an_export_that_fails_half_way_is_cut_off_and_not_ended(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(*args: object) -> AsyncIterator[bytes]:
        yield b"PK" + b"x" * 100_000
        raise ValueError("secret words")

    monkeypatch.setattr(export, "_file", failing)
    async with running_door(sqlite_url) as door:
        token = await door.join("alice")
        with pytest.raises((HTTPStreamClosedError, HTTPClientError)):
            await taken(door.port, token)
        assert "an answer was cut off" in caplog.text
        assert "secret words" not in caplog.text
        assert len(door.doorway.under_way) == 0


async def test_who_goes_away_is_not_sent_the_rest(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    async def endless(*args: object) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65_536
        finally:
            ended.set()

    monkeypatch.setattr(export, "_file", endless)
    async with running_door(sqlite_url) as door:
        token = await door.join("alice")
        reader, writer = await asyncio.open_connection("localhost", door.port)
        writer.write(
            f"POST /api/auth/export/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        assert b"200" in await reader.readline()
        writer.close()
        await writer.wait_closed()
        await asyncio.wait_for(ended.wait(), 20)


async def test_an_export_under_way_is_cut_off_when_the_server_leaves(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hanging(*args: object) -> AsyncIterator[bytes]:
        yield b"PK" + b"x" * 1000
        await asyncio.Event().wait()

    monkeypatch.setattr(export, "_file", hanging)
    async with running_door(sqlite_url) as door:
        token = await door.join("alice")
        reader, writer = await asyncio.open_connection("localhost", door.port)
        writer.write(
            f"POST /api/auth/export/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in head
        (request,) = door.doorway.under_way
        request.give_up()
        rest = await reader.read()
        assert not rest.endswith(b"0\r\n\r\n")
        assert b"problem" not in rest
        writer.close()


async def taken(port: int, token: str) -> bytes:
    request = HTTPRequest(
        f"http://localhost:{port}/api/auth/export/",
        method="POST",
        body=b"",
        headers={"Authorization": f"Bearer {token}"},
    )
    return (await AsyncHTTPClient().fetch(request)).body
