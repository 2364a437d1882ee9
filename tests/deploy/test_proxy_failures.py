"""Instances that die, hang or answer nothing: who is asked again, and what people are told."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from socket import create_server, socket

import pytest

from tests.deploy import dockerfile
from tests.deploy.conftest import require_nginx
from tests.deploy.proxy import Proxy, lines
from tests.deploy.stack import Stack
from tests.deploy.visits import visit
from tests.instances import Instance
from tests.talk import talking

PATIENCE_SECONDS = 20.0


@contextmanager
def killed(stack: Stack, *instances: Instance) -> Iterator[None]:
    """These instances are dead inside the block; behind it they are back, and the proxy has noticed."""
    for each in instances:
        each.kill()
    try:
        yield
    finally:
        for each in instances:
            each.start()
        _until_all_serve(stack)


def _until_all_serve(stack: Stack) -> None:
    before, deadline = len(stack.proxy.log()), time.monotonic() + PATIENCE_SECONDS
    while len({line["instance"] for line in lines(stack.proxy.log()[before:]) if line["status"] == 200}) < 2:
        assert time.monotonic() < deadline, stack.proxy.log()[before:]
        visit(stack.proxy.port, "GET", "/livez")
        time.sleep(0.05)


class Mute:
    """An instance that reads requests and hangs up without an answer."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.server = create_server(("127.0.0.1", 0))
        self.port: int = self.server.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def __enter__(self) -> "Mute":
        return self

    def __exit__(self, *_: object) -> None:
        with socket() as last:  # wakes `accept`
            self.server.listen(0)
            last.connect(("127.0.0.1", self.port))
        self.thread.join()
        self.server.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self.server.accept()
            with connection:
                first = connection.recv(65_536)
                if not first:
                    return
                self.asked.append(first)  # before it hangs up, which is all that the client waits for


async def test_when_an_instance_dies_the_other_serves_everybody(stack: Stack) -> None:
    visitor = stack.proxy.visitor
    token, other = visitor.join("survivor"), visitor.join("peer")
    for dying in stack.instances:
        async with talking(visitor.socket_url, token) as one, talking(visitor.socket_url, token) as two:
            with killed(stack, dying):
                for _ in range(6):
                    assert visitor.call("GET", "/api/users/me/", token=token).status == 200
                sent = visitor.call("POST", "/api/auth/send/", {"recipient": "survivor", "content": "x"}, token=other)
                assert sent.status == 201
                # One of the two sockets is gone with its instance, the other one hears.
                heard = [await one.hear(), await two.hear()]
                assert [frame["message"] for frame in heard if frame is not None] == ["x"]
                async with talking(visitor.socket_url, token) as again:
                    await again.say({"recipient": "peer", "content": "back"})
                    assert (await again.hear())["message"] == "back"


def test_when_no_instance_is_up_a_problem_says_when_to_come_back(stack: Stack) -> None:
    visitor = stack.proxy.visitor
    with killed(stack, *stack.instances):
        for target in ("/", "/api/auth/messages/", "/ws/chat/", "/livez", "/static/app.js"):
            reply = visitor.call("GET", target)
            assert (reply.status, reply.json["status"], reply.json["code"]) == (503, 503, "unavailable"), target
            assert reply.headers["content-type"] == "application/problem+json; charset=utf-8"
            assert int(reply.headers["retry-after"]) > 0
            assert reply.headers["cache-control"] == "no-store"
            assert reply.headers["x-request-id"] == reply.json["request_id"]
        # What Docker asks the proxy's container: it lives all the same.
        checked = dockerfile.stages()["proxy"].last("HEALTHCHECK").command
        path = checked[-1].removeprefix("http://127.0.0.1:8000")
        assert visit(stack.proxy.port, "GET", path).json == {"alive": True}
    assert visitor.call("GET", "/livez").status == 200


def test_only_what_may_be_repeated_is_asked_of_a_second_instance() -> None:
    require_nginx()
    for method, times, body in (("GET", 2, None), ("POST", 1, b"{}"), ("PATCH", 1, b"{}"), ("DELETE", 2, None)):
        with ExitStack() as running:
            mutes = [running.enter_context(Mute()) for _ in range(2)]
            proxy = running.enter_context(Proxy([mute.port for mute in mutes]))
            reply = visit(proxy.port, method, "/api/auth/send/", body=body)
            assert reply.status == 503
            assert len(mutes[0].asked) + len(mutes[1].asked) == times, method


def test_what_a_client_claims_about_itself_does_not_reach_an_instance() -> None:
    require_nginx()
    claims = [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-For", "203.0.113.10"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Real-IP", "203.0.113.9"),
        ("Forwarded", "for=203.0.113.9;proto=https"),
        ("Referer", "http://localhost/?token=secret"),
    ]
    for target in ("/api/users/me/", "/ws/chat/"):
        with Mute() as mute, Proxy([mute.port, mute.port]) as proxy:
            visit(proxy.port, "POST", target, claims, b"{}", source="127.44.3.2")
            (asked,) = mute.asked
        head = asked.decode().lower()
        for claimed in ("203.0.113", "evil.example", "forwarded:", "real-ip", "referer", "proto: https"):
            assert claimed not in head, target
        assert "x-forwarded-for: 127.44.3.2\r\n" in head
        assert "x-forwarded-proto: http\r\n" in head


@pytest.mark.parametrize("target", ["/ws/chat", "/ws/chat/"])
def test_the_upgrade_is_passed_on_for_the_socket_and_nowhere_else(target: str) -> None:
    require_nginx()
    headers = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
    with Mute() as mute, Proxy([mute.port, mute.port]) as proxy:
        visit(proxy.port, "POST", target, headers, b"")
        visit(proxy.port, "POST", "/api/auth/send/", headers, b"")
        upgraded, plain = (asked.decode().lower() for asked in mute.asked)
    assert "\r\nupgrade: websocket\r\n" in upgraded
    assert "\r\nconnection: upgrade\r\n" in upgraded
    assert "connection: upgrade" not in plain
