"""The client that carries pushes, against a push service with real TLS: public addresses only, led nowhere else."""

import asyncio
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
from tornado.web import RequestHandler

from actions import push_sender
from actions.push_policy import Barred
from actions.push_queue import Reply, Unreachable
from settings import load
from tests.actions.stage import say, settled
from tests.actions.test_push_policy import PRIVATE
from tests.pushes import HOST, PUBLIC, asking_for, client_of, push_service, subscribed, vapid
from tests.rooms import Clock, join, running_app
from tests.served import serving
from wiring import push_client
from wiring.build import build_push
from wiring.push_client import MOST_BODY_BYTES, PublicOnly, PushClient, look_up

URL = f"https://{HOST}/send/abc"
OTHER = "2606:2800:220:1::1"


def answering(status: int, body: bytes = b"", **headers: str) -> Any:
    def answer(handler: RequestHandler) -> None:
        handler.set_status(status)
        for name, value in headers.items():
            handler.set_header(name.replace("_", "-"), value)
        handler.write(body)

    return answer


async def test_a_push_arrives_whole_at_the_address_that_was_checked(tmp_path: Path) -> None:
    async with push_service(tmp_path) as service, client_of(service, tmp_path) as (client, led):
        assert await client.post(URL, {"TTL": "60", "Topic": "news"}, b"sealed") == Reply(201)
        (post,) = service.posts
        assert (post.url, post.body) == (URL, b"sealed")
        assert (post.headers["Ttl"], post.headers["Topic"], post.headers["Host"]) == ("60", "news", HOST)
        assert led.dialled == [PUBLIC]


async def test_the_judge_reads_what_a_real_service_got(tmp_path: Path, database_url: str) -> None:
    clock = Clock()
    async with (
        push_service(tmp_path) as service,
        client_of(service, tmp_path) as (client, _),
        running_app(database_url, clock=clock) as app,
    ):
        app.push.courier, app.push.extra_hosts = client, (HOST,)
        alice, bob = await join(app, "alice"), await join(app, "bob")
        browser = await subscribed(app, bob, URL)
        await say(app, alice, "bob", "hi")
        clock.turn(seconds=5)
        await push_sender.turn(app)
        (post,) = await service.until(1)
        assert browser.read(post.body) == {"new": 1}
        assert vapid(post)[0]["aud"] == f"https://{HOST}"
        await settled(app)
        assert app.push.sent == 1


@pytest.mark.parametrize("address", [each for each in PRIVATE if each[:1] in "0123456789abcdef:" and each[-1:] != "h"])
async def test_no_name_leads_to_an_address_that_is_not_public(tmp_path: Path, address: str) -> None:
    for addresses in ((address,), (PUBLIC, address)):
        resolver = PublicOnly(asking_for(*addresses))
        with pytest.raises(Barred):
            await resolver.resolve(HOST, 443)
        resolver.close()


async def test_a_private_address_is_not_even_dialled(tmp_path: Path) -> None:
    async with (
        push_service(tmp_path) as service,
        client_of(service, tmp_path, asking_for(PUBLIC, "127.0.0.1")) as (client, led),
    ):
        with pytest.raises(Barred):
            await client.post(URL, {}, b"")
        assert (service.posts, led.dialled) == ([], [])


async def test_whoever_answers_otherwise_the_second_time_is_not_asked_a_second_time(tmp_path: Path) -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Any:
        asked.append(host)
        return asking_for(PUBLIC if len(asked) % 2 else "127.0.0.1")(host, port)

    async with push_service(tmp_path) as service, client_of(service, tmp_path, rebinding) as (client, led):
        assert await client.post(URL, {}, b"") == Reply(201)
        assert (asked, led.dialled) == ([HOST], [PUBLIC])
        with pytest.raises(Barred):  # a later push looks again, and sees it
            await client.post(URL, {}, b"")
        assert (asked, led.dialled) == ([HOST, HOST], [PUBLIC])


async def test_the_resolver_is_asked_off_the_loop() -> None:
    threads: list[int] = []

    def asking(host: str, port: int) -> Any:
        threads.append(threading.get_ident())
        return asking_for(PUBLIC, OTHER)(host, port)

    resolver = PublicOnly(asking)
    found = await resolver.resolve(HOST, 443)
    assert [place[0] for _, place in found] == [PUBLIC, OTHER]
    assert [place[0] for _, place in await resolver.resolve(HOST, 443, socket.AF_INET6)] == [OTHER]
    assert threading.get_ident() not in threads
    with pytest.raises(Barred):
        await resolver.resolve(HOST, 8443)
    resolver.close()


async def test_the_systems_own_resolver_finds_this_machine_which_is_refused() -> None:
    client = PushClient()
    try:
        with pytest.raises(Barred):
            await client.post("https://localhost/", {}, b"")
    finally:
        client.close()
    assert any(place[0] in ("127.0.0.1", "::1") for _, place in look_up("localhost", 443))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nobody_is_followed_elsewhere(tmp_path: Path, status: int) -> None:
    async with push_service(tmp_path) as service, client_of(service, tmp_path) as (client, led):
        service.answer = answering(status, Location="https://127.0.0.1/admin")
        assert await client.post(URL, {}, b"") == Reply(status)
        assert (len(service.posts), led.dialled) == (1, [PUBLIC])


@pytest.mark.parametrize("status", [200, 202, 400, 404, 410, 413, 429, 500, 503])
async def test_each_status_comes_through_and_how_long_to_wait(tmp_path: Path, status: int) -> None:
    async with push_service(tmp_path) as service, client_of(service, tmp_path) as (client, _):
        service.answer = answering(status, b"what it says is not read", Retry_After="120")
        assert await client.post(URL, {}, b"") == Reply(status, "120")


async def test_a_certificate_of_another_name_or_authority_is_refused(tmp_path: Path) -> None:
    async with push_service(tmp_path, "other.example") as service, client_of(service, tmp_path) as (client, _):
        with pytest.raises(Unreachable, match="TLS"):
            await client.post(URL, {}, b"secret")
        assert service.posts == []
    async with push_service(tmp_path) as service, client_of(service, tmp_path) as (client, _):
        client._authorities = None
        with pytest.raises(Unreachable, match="TLS"):
            await client.post(URL, {}, b"secret")
        assert service.posts == []


async def test_a_long_answer_is_cut_off(tmp_path: Path) -> None:
    async with push_service(tmp_path) as service, client_of(service, tmp_path) as (client, _):
        service.answer = answering(201, bytes(MOST_BODY_BYTES + 1))
        with pytest.raises(Unreachable):
            await client.post(URL, {}, b"")
        service.answer = answering(201, X_Long="x" * 70_000)
        with pytest.raises(Unreachable):
            await client.post(URL, {}, b"")


async def test_a_compressed_answer_is_not_unpacked(tmp_path: Path) -> None:
    async with push_service(tmp_path) as service, client_of(service, tmp_path) as (client, _):
        await client.post(URL, {}, b"")
        assert "Accept-Encoding" not in service.posts[0].headers


async def test_who_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_client, "REQUEST_SECONDS", 0.05)
    async with push_service(tmp_path) as service, client_of(service, tmp_path) as (client, _):
        service.gate.clear()
        with pytest.raises(Unreachable):
            await client.post(URL, {}, b"")


async def test_what_is_no_push_service_at_all_is_unreachable(tmp_path: Path) -> None:
    async with push_service(tmp_path) as service, client_of(service, tmp_path) as (client, led):
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            led._port = nobody.getsockname()[1]
        with pytest.raises(Unreachable):
            await client.post(URL, {}, b"")

        async def gibberish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 what\r\n\r\n")
            writer.close()

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "push.pem", tmp_path / "push.key")
        async with await asyncio.start_server(gibberish, "127.0.0.1", 0, ssl=context) as server:
            led._port = server.sockets[0].getsockname()[1]
            with pytest.raises(Unreachable):
                await client.post(URL, {}, b"")


async def test_a_name_that_nobody_knows_is_unreachable_and_nothing_tells_which_it_was() -> None:
    def asking(host: str, port: int) -> Any:
        raise socket.gaierror(-2, f"{host} is not known")

    client = PushClient(asking)
    try:
        with pytest.raises(Unreachable) as failure:
            await client.post(URL, {}, b"")
    finally:
        client.close()
    assert str(failure.value) == "the name is not known"


async def test_no_proxy_of_the_environment_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with push_service(tmp_path) as service, client_of(service, tmp_path) as (client, _):
        assert await client.post(URL, {}, b"") == Reply(201)


async def test_an_instance_has_a_courier_which_ends_with_it_unless_pushing_is_switched_off(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, server):
        courier = server.app.push.courier
        assert isinstance(courier, PushClient)
    with pytest.raises(RuntimeError):
        courier._client.fetch(URL)
    async with serving(tmp_path, settings={"RECADO_PUSH_ENABLED": "false"}) as (_, server):
        assert server.app.push.courier is None


@pytest.mark.parametrize(
    ("given", "contact"),
    [
        ({}, ""),
        ({"RECADO_SERVER_PUBLIC_URL": "http://localhost:8000"}, ""),
        ({"RECADO_SERVER_PUBLIC_URL": "https://chat.example"}, "https://chat.example"),
        ({"RECADO_SERVER_SECURITY_CONTACT": "tel:+1-555-0100"}, ""),
        ({"RECADO_SERVER_SECURITY_CONTACT": "mailto:s@chat.example"}, "mailto:s@chat.example"),
        (
            {"RECADO_PUSH_CONTACT": "mailto:a@chat.example", "RECADO_SERVER_SECURITY_CONTACT": "mailto:s@chat.example"},
            "mailto:a@chat.example",
        ),
    ],
)
def test_push_services_are_told_whom_to_write_to(tmp_path: Path, given: dict[str, str], contact: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("")
    made = build_push(load(given, file))
    assert (made.contact, made.delay, made.courier) == (contact, 5_000, None)
