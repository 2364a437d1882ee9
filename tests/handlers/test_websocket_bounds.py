"""Order and bounds of the socket: pipelined sends, readers who do not read, senders who go too fast."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from select import select
from socket import IPPROTO_TCP, SHUT_RDWR, SO_RCVBUF, SOL_SOCKET, TCP_MAXSEG, socket
from threading import Thread
from uuid import uuid4

import psutil
import pytest

from tests.handlers.raw import (
    BINARY,
    CLOSE,
    PATIENCE_SECONDS,
    PING,
    PONG,
    Person,
    RawSocket,
    carries,
    frame,
    listed,
    raw_socket,
)
from tests.instances import Instance

Join = Callable[[], Person]


def test_pipelined_sends_keep_their_order_for_everybody(server: Instance, joined: Join) -> None:
    alice, bob = joined(), joined()
    with raw_socket(server, alice.token) as speaker, raw_socket(server, bob.token) as listener:
        sends = [frame(json.dumps({"recipient": bob.name, "content": str(n)}).encode()) for n in range(200)]
        speaker.stream.sendall(b"".join(sends))
        expected = [str(number) for number in range(200)]
        heard = [speaker.hear() for _ in range(200)]
        assert [told["message"] for told in heard] == expected
        assert [listener.hear() for _ in range(200)] == heard
        assert [told["id"] for told in heard] == sorted(told["id"] for told in heard)
    assert [message["content"] for message in listed(server, bob)][::-1] == expected


def test_one_who_talks_without_a_pause_does_not_silence_the_others(server: Instance, joined: Join) -> None:
    loud, alice, bob = joined(), joined(), joined()
    count = 4000
    with (
        raw_socket(server, loud.token) as shouting,
        raw_socket(server, alice.token) as speaker,
        raw_socket(server, bob.token) as listener,
        ThreadPoolExecutor(2) as crowd,
    ):
        sends = [frame(json.dumps({"recipient": loud.name, "content": str(n)}).encode()) for n in range(count)]
        shout = crowd.submit(shouting.stream.sendall, b"".join(sends))
        heard = crowd.submit(lambda: [shouting.hear()["message"] for _ in range(count)])
        said = 0
        while not heard.done() or said < 10:
            speaker.say({"recipient": bob.name, "content": str(said)})
            assert [each.hear()["message"] for each in (speaker, listener)] == [str(said)] * 2
            said += 1
        shout.result()
        assert heard.result() == [str(n) for n in range(count)]
    assert [message["content"] for message in listed(server, bob)][::-1][-said:] == [str(n) for n in range(said)][-500:]


def test_refusals_between_sends_are_all_told(server: Instance, joined: Join) -> None:
    alice = joined()
    with raw_socket(server, alice.token) as opened:
        for number in range(200):
            opened.say({"recipient": alice.name if number % 2 else "nobody-at-all", "content": str(number)})
        heard = [opened.hear() for _ in range(200)]
        assert [told["message"] for told in heard if "message" in told] == [str(n) for n in range(1, 200, 2)]
        assert sum("error" in told for told in heard) == 100


def small_window(port: int) -> socket:
    """A connection whose receive buffer is small from the start, and for which the system keeps little elsewhere."""
    stream = socket()
    stream.setsockopt(IPPROTO_TCP, TCP_MAXSEG, 1400)  # for the large segments of loopback it would keep megabytes
    stream.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
    stream.settimeout(PATIENCE_SECONDS)
    stream.connect(("localhost", port))
    return stream


def test_a_client_that_stops_reading_is_sent_away_and_costs_no_memory(narrow: Instance) -> None:
    slow, quick = Person("slow", narrow.join("slow")), Person("quick", narrow.join("quick"))
    assert narrow.process is not None
    process = psutil.Process(narrow.process.pid)
    content = "x" * 16_000
    with closing(small_window(narrow.port)) as stream, raw_socket(narrow, headers=[quick.bearer]) as speaker:
        deaf = RawSocket(stream).shake("/ws/chat/", [slow.bearer], narrow.port)
        assert deaf.status == 101
        before = process.memory_info().rss
        batch = frame(json.dumps({"recipient": "slow", "content": content}).encode()) * 10
        for _ in range(120):  # 19 MB, many times the bound of 300 kB and what the kernel takes
            speaker.stream.sendall(batch)
            assert {speaker.hear()["message"] for _ in range(10)} == {content}
        grown = process.memory_info().rss - before
        assert deaf.close_code() == 4409
    assert grown < 8_000_000, grown
    assert len(listed(narrow, slow)) == 500  # a page of the 1200: nothing is lost: it reads the list when it is back


def test_pings_without_end_from_one_who_does_not_read_cost_no_memory(server: Instance, joined: Join) -> None:
    alice = joined()
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    with closing(small_window(server.port)) as stream:
        deaf = RawSocket(stream).shake(f"/ws/chat/?token={alice.token}", (), server.port)
        assert deaf.status == 101
        before = process.memory_info().rss
        stream.settimeout(PATIENCE_SECONDS)
        for _ in range(200):
            stream.sendall(frame(b"x" * 125, PING) * 500)  # 13 MB in all
        assert process.memory_info().rss - before < 4_000_000


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance where little may wait for all clients together, and few frames are allowed."""
    settings = {
        "RECADO_WEBSOCKET_MAX_TOTAL_QUEUED_BYTES": str(TOTAL),
        "RECADO_WEBSOCKET_SOCKETS_PER_USER": "40",
        "RECADO_LIMITS_ENABLED": "true",
        "RECADO_WEBSOCKET_FRAMES_PER_SECOND": "200",
        "RECADO_WEBSOCKET_FRAMES_BURST": "100",
        "RECADO_WEBSOCKET_FLOOD_SECONDS": "1",
    }
    with Instance(tmp_path_factory.mktemp("tight"), settings=settings) as running:
        yield running


TOTAL = 8 << 20


def test_many_who_do_not_read_cost_no_more_than_the_bound_for_all_and_their_neighbours_hear_everything(
    tight: Instance,
) -> None:
    deaf, mute, quick, speaker = (Person(name, tight.join(name)) for name in ("deaf", "mute", "quick", "speaker"))
    assert tight.process is not None
    process = psutil.Process(tight.process.pid)
    content = "x" * 16_000
    with ExitStack() as stack:
        listener = stack.enter_context(raw_socket(tight, headers=[quick.bearer]))
        said = stack.enter_context(raw_socket(tight, headers=[speaker.bearer]))
        away = [
            stack.enter_context(away_from(tight, person, protocol))
            for person, protocol in ((deaf, ""), (mute, "recado.v1"))  # no hello comes: the second one's are held
            for _ in range(20)
        ]
        before = process.memory_info().rss
        for number in range(80):  # 1.3 MB for each of the 40, who may have 1 MB each
            for person in (deaf, mute, quick):
                said.say({"recipient": person.name, "content": content})
                assert said.hear()["message"] == content
            assert listener.hear()["message"] == content, number
        grown = process.memory_info().rss - before
        carries(listener, quick, "still here")
        with ThreadPoolExecutor(40) as readers:
            codes = list(readers.map(goodbye, away))
        # Whoever takes too long to read even that is cut off. For some there was room until the end.
        assert set(codes) <= {4409, None, 1000}
        assert 4409 in codes
        assert codes.count(1000) <= TOTAL >> 19
    assert grown < 2 * TOTAL, grown


@contextmanager
def away_from(instance: Instance, person: Person, protocol: str) -> Iterator[RawSocket]:
    """A socket that will not be read from."""
    with closing(small_window(instance.port)) as stream:
        headers = [person.bearer, *([("Sec-WebSocket-Protocol", protocol)] if protocol else [])]
        opened = RawSocket(stream).shake("/ws/chat/", headers, instance.port)
        assert opened.status == 101
        yield opened


def test_unfinished_frames_of_many_cost_no_more_than_the_bound_for_all(tight: Instance) -> None:
    eve, alice = Person("evelyn", tight.join("evelyn")), Person("alice", tight.join("alice"))
    assert tight.process is not None
    process = psutil.Process(tight.process.pid)
    with ExitStack() as stack:
        witness = stack.enter_context(raw_socket(tight, headers=[alice.bearer]))
        begun = [stack.enter_context(raw_socket(tight, headers=[eve.bearer])) for _ in range(40)]
        before = process.memory_info().rss
        for each in begun:
            # 255 KB of a frame with 256 KB, and 10 MB together
            each.stream.sendall(frame(b" " * 262_144)[:261_000])
            carries(witness, alice, "between")
        assert process.memory_info().rss - before < 2 * TOTAL
        told, _, _ = select([each.stream for each in begun], [], [], 0)
        first = [RawSocket(stream).read() for stream in told]  # a ping, or the end
        assert 8 <= first.count((CLOSE, (4409).to_bytes(2) + b"too slow, resume")) <= 24
        carries(witness, alice, "after")


def test_a_client_at_full_speed_is_slowed_and_never_sent_away(tight: Instance) -> None:
    swift = Person("swift", tight.join("swift"))
    with raw_socket(tight, headers=[swift.bearer]) as opened:
        in_flight = 0
        for number in range(500):  # five times the burst, 64 on their way at any time
            opened.say({"recipient": "swift", "content": str(number)})
            in_flight += 1
            if in_flight == 64:
                assert opened.hear()["message"] == str(number - 63)
                in_flight -= 1
        assert [opened.hear()["message"] for _ in range(in_flight)] == [str(n) for n in range(500 - in_flight, 500)]


@pytest.mark.parametrize(
    "flood",
    [
        frame(b'{"type": "ping"}'),
        frame(b'{"type": "hello"'),
        frame(b"\xff", BINARY),
        frame(b"", PING),
        frame(b"", PONG),
        frame(b"", fin=False) + frame(b"", 0, fin=False) * 999 + frame(b"", 0),
        frame(b"x" * 5000),
    ],
)
@pytest.mark.parametrize("protocol", ["", "recado.v1"])
def test_a_flood_of_any_frames_is_closed_and_the_neighbour_hears_everything(
    tight: Instance, flood: bytes, protocol: str
) -> None:
    flooder, alice = (Person(name, tight.join(name)) for name in (f"{uuid4().hex[:8]}-bad", f"{uuid4().hex[:8]}-good"))
    asked = [flooder.bearer, *([("Sec-WebSocket-Protocol", protocol)] if protocol else [])]
    with raw_socket(tight, headers=[alice.bearer]) as witness, raw_socket(tight, headers=asked) as bad:
        hearing = Thread(target=hear_all, args=(bad, codes := []))
        hearing.start()
        with suppress(ConnectionError):
            while not codes:
                bad.stream.sendall(flood * (100_000 // len(flood)))
        hearing.join()
        assert codes == [4429]
        for number in range(20):
            carries(witness, alice, str(number))


def goodbye(opened: RawSocket) -> int | None:
    """The code of the close, ours or the server's."""
    with suppress(OSError):
        opened.send(b"\x03\xe8", CLOSE)
    return opened.close_code()


def hear_all(opened: RawSocket, codes: list[int]) -> None:
    """Read to the end; then whoever still sends learns it."""
    while (got := opened.read()) is not None:
        if got[0] == CLOSE:
            codes.append(int.from_bytes(got[1][:2]))
    with suppress(OSError):
        opened.stream.shutdown(SHUT_RDWR)
