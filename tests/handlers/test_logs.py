"""The log: one object a line, nothing that somebody sent, and nothing that can get out of its line."""

import asyncio
import io
import json
import logging
import re
from collections.abc import Callable

import pytest

from handlers import logs
from handlers.routes import OPERATIONS
from tests.handlers.raw import Person, ask, raw_socket, told
from tests.instances import Instance

Join = Callable[[], Person]
KEYS = ["at", "level", "logger", "event"]
ANSWERED = {*KEYS, "request_id", "network", "method", "route", "status", "milliseconds"}
AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NASTY = 'a\r\n{"level": "error"}\x1b[31m\u2028\u2029\x00\x7f\u0085\u202e' + "x" * 1_000_000


def test_every_line_of_a_server_is_one_object_with_the_same_keys(server: Instance, joined: Join) -> None:
    alice = joined()
    for path in ("/", "/livez", "/nowhere?token=x", "/api/messages/7/", "/api/users/me/?a=%zz"):
        for method in ("GET", "POST", "FOO", "A" * 300):
            told_too = [("User-Agent", "x\x85\xad"), ("Referer", f"/?token={alice.token}")]
            ask(server, method, path, [alice.bearer, *told_too])
    with raw_socket(server, alice.token) as opened:
        opened.say("{")
        opened.hear()
    told(server, ask(server, "GET", "/livez").headers["x-request-id"])
    lines = [line for line in server.log().splitlines() if not line.startswith("Recado is at")]
    assert len(lines) > 20
    for text in lines:
        line = json.loads(text)
        assert list(line)[:4] == KEYS
        assert AT.fullmatch(line["at"])
        assert line["level"] in {"info", "warning", "error"}
        if line["event"] == "answered":
            assert set(line) == ANSWERED
            assert re.fullmatch(r"[0-9a-f]{16}", line["request_id"])
            assert len(line["method"]) <= 16
            assert "?" not in line["route"]
            assert line["route"] in {"Page", "Asset", "Absent", "/ws/chat/", *(each.path for each in OPERATIONS)}
        assert len(text) < 600
    assert alice.token[:12] not in server.log()


def test_each_answer_is_one_line_and_a_bad_request_no_more_than_a_good_one(server: Instance) -> None:
    """What a flood costs: one line of bounded length for each request that reaches a handler, none below that."""
    told(server, ask(server, "GET", "/livez").headers["x-request-id"])
    before = len(server.log().splitlines())
    for number in range(300):
        ask(server, "POST", f"/api/auth/login/?{'x' * 5000}={number}", [("Cookie", "y" * 5000)], b"z" * 10_000)
    told(server, ask(server, "GET", "/livez").headers["x-request-id"])
    lines = server.log().splitlines()[before:]
    assert len(lines) == 301
    assert max(map(len, lines)) < 400


@pytest.mark.parametrize("style", [logs.JsonFormatter, logs.TextFormatter])
def test_nothing_gets_out_of_its_line(style: type[logging.Formatter]) -> None:
    record = logging.makeLogRecord(
        {"name": "recado.test", "levelname": "INFO", "msg": "answered", "method": NASTY, "route": {"a": NASTY}}
    )
    line = style().format(record)
    assert line.isprintable()
    assert len(line.splitlines()) == 1


def test_a_json_line_reads_back_as_it_was_meant(written: io.StringIO) -> None:
    logging.getLogger("recado.x").info("it happened", extra={"text": 'a"\n\u2028', "number": 1})
    line = json.loads(written.getvalue())
    assert (line["event"], line["text"], line["number"], line["logger"]) == ("it happened", 'a"\n\u2028', 1, "recado.x")


def test_an_error_is_told_by_type_and_place_and_never_by_its_words() -> None:
    def fail() -> None:
        try:
            raise KeyError("hunter2")
        except KeyError as error:
            raise ValueError("hunter2") from error

    with pytest.raises(ValueError, match="hunter2") as raised:
        fail()
    found = logs.told(raised.value)
    assert found["error"] == "ValueError < KeyError"
    assert any("fail" in place for place in found["places"])  # type: ignore[attr-defined]
    assert "hunter2" not in str(found)


def test_the_places_of_a_deep_error_are_bounded() -> None:
    def deeper() -> None:
        deeper()

    with pytest.raises(RecursionError) as raised:
        deeper()
    assert len(logs.told(raised.value)["places"]) == logs.PLACES  # type: ignore[arg-type]


def test_a_librarys_line_keeps_its_words_and_loses_what_it_carries(written: io.StringIO) -> None:
    uri = "/ws/chat/?token=hunter2"
    logging.getLogger("tornado.general").warning("Connect error on %s: %s", uri, uri)
    logging.getLogger("tornado.application").error("Uncaught exception %s\n%r", uri, uri)
    logging.getLogger("tornado.access").warning("403 GET %s", uri)
    logging.getLogger("tornado.general").info("Malformed HTTP message from %s", uri)
    log = written.getvalue()
    assert "hunter2" not in log
    assert [json.loads(line)["event"] for line in log.splitlines()] == [
        "Connect error on %s: %s",
        "Uncaught exception %s",
    ]


async def test_an_error_that_nobody_awaited_is_told_without_its_words(written: io.StringIO) -> None:
    """asyncio writes the task with its exception into the message itself."""

    async def fail() -> None:
        raise ValueError("hunter2")

    asyncio.get_running_loop().call_exception_handler(
        {"message": "Task exception was never retrieved", "exception": ValueError("hunter2"), "note": "hunter2"}
    )
    (line,) = map(json.loads, written.getvalue().splitlines())
    assert (line["event"], line["error"]) == ("Task exception was never retrieved", "ValueError")
    assert "hunter2" not in written.getvalue()


def test_a_librarys_chatter_is_not_logged_and_ours_is_by_level(written: io.StringIO) -> None:
    logging.getLogger("asyncio").info("x")
    logging.getLogger("recado.door").debug("x")
    assert written.getvalue() == ""
    logging.getLogger("recado.door").info("x")
    assert written.getvalue()
