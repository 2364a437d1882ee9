"""People who come through the proxy: pages, calls and sockets, as if it were not there."""

import asyncio
import time
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from tests.deploy.proxy import lines
from tests.deploy.stack import Stack
from tests.deploy.visits import visit
from tests.talk import talking

PATIENCE_SECONDS = 20.0


def sockets_in(log: str, name: str = "/ws/chat/") -> list[dict[str, Any]]:
    """The access log's lines of sockets; they are written when a socket ends."""
    return [line for line in lines(log) if line["path"] == name and line["status"] == 101]


def until_sockets(stack: Stack, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found := sockets_in(stack.proxy.log())) < count:
        assert time.monotonic() < deadline, stack.proxy.log()
        time.sleep(0.02)
    return found


def test_the_page_comes_with_its_policy_and_names_this_very_place(stack: Stack) -> None:
    reply = stack.proxy.visitor.call("GET", "/")
    assert reply.status == 200
    assert b'<div id="recado">' in reply.body
    policy = reply.headers["content-security-policy"]
    assert "'nonce-" in policy
    assert f"ws://localhost:{stack.proxy.port}" in policy
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert "content-encoding" not in reply.headers


def test_no_version_of_a_program_is_told(stack: Stack) -> None:
    for target in ("/", "/livez", "/readyz", "/nothing"):
        assert visit(stack.proxy.port, "GET", target).headers["server"] == "nginx"


def test_files_of_the_page_are_compressed_and_answers_with_secrets_are_not(stack: Stack) -> None:
    wants = [("Accept-Encoding", "gzip")]
    page = visit(stack.proxy.port, "GET", "/", wants)
    assert "content-encoding" not in page.headers
    script = page.body.partition(b'src="')[2].partition(b'"')[0].decode()
    reply = visit(stack.proxy.port, "GET", script, wants)
    assert (reply.status, reply.headers["content-encoding"]) == (200, "gzip")
    assert "immutable" in reply.headers["cache-control"]
    assert "Accept-Encoding" in reply.headers["vary"]


def test_problems_of_an_instance_pass_unchanged(stack: Stack) -> None:
    visitor = stack.proxy.visitor
    through = visitor.call("GET", "/api/auth/messages/")
    straight = stack.recado1.call("GET", "/api/auth/messages/")
    assert (through.status, straight.status) == (401, 401)
    assert {**through.json, "request_id": ""} == {**straight.json, "request_id": ""}
    assert through.headers["content-type"] == straight.headers["content-type"]
    assert through.headers["x-request-id"] == through.json["request_id"]
    assert visitor.call("GET", "/nothing").json["code"] == "not_found"


def test_what_is_for_operators_is_not_shown_to_everybody(stack: Stack) -> None:
    assert visit(stack.proxy.port, "GET", "/livez").status == 200
    hidden = ("/readyz", "/readyz/", "//readyz", "/%72eadyz", "/x/../readyz", "/./readyz", "/readyz?x=1", "/metrics")
    for target in hidden:
        reply = visit(stack.proxy.port, "GET", target)
        assert (reply.status, reply.json["code"]) == (404, "not_found"), target
        assert b"database" not in reply.body
        assert "retry-after" not in reply.headers
    asked = [line for line in lines(stack.proxy.log()) if "readyz" in line["path"]]
    assert {line["instance"] for line in asked} == {""}


async def test_two_people_on_different_instances_talk_both_ways(stack: Stack) -> None:
    visitor = stack.proxy.visitor
    alice, bob = visitor.join("alice.proxy"), visitor.join("bob.proxy")
    before = len(sockets_in(stack.proxy.log()))
    async with talking(visitor.socket_url, alice) as hers, talking(visitor.socket_url, bob) as his:
        await hers.say({"recipient": "bob.proxy", "content": "olá"})
        assert (await his.hear())["message"] == (await hers.hear())["message"] == "olá"
        await his.say({"recipient": "alice.proxy", "content": "oi"})
        assert (await hers.hear())["message"] == (await his.hear())["message"] == "oi"
        sent = visitor.call("POST", "/api/auth/send/", {"recipient": "bob.proxy", "content": "rest"}, token=alice)
        assert sent.status == 201
        assert (await his.hear())["message"] == (await hers.hear())["message"] == "rest"
    mine = until_sockets(stack, before + 2)[before:]
    assert {line["instance"] for line in mine} == {f"127.0.0.1:{each.port}" for each in stack.instances}


async def test_a_page_of_this_place_may_open_a_socket_and_another_may_not(stack: Stack) -> None:
    visitor = stack.proxy.visitor
    token = visitor.join("origin.proxy")
    async with talking(visitor.socket_url, token, headers={"Origin": visitor.url}) as talk:
        await talk.say({"recipient": "origin.proxy", "content": "note"})
        assert (await talk.hear())["message"] == "note"
    with pytest.raises(HTTPClientError, match="403"):
        async with talking(visitor.socket_url, token, headers={"Origin": "http://localhost"}):
            pass


async def test_a_socket_lives_through_silence_longer_than_pings(stack: Stack) -> None:
    visitor = stack.proxy.visitor
    token = visitor.join("quiet.proxy")
    async with talking(visitor.socket_url, token) as talk:
        await asyncio.sleep(3)  # the instances ping every second, and wait one second for the answer
        await talk.say({"recipient": "quiet.proxy", "content": "still here"})
        assert (await talk.hear())["message"] == "still here"
