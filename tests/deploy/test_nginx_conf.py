"""The numbers of deploy/nginx.conf fit those of the server: whoever changes one must look at the other."""

import re
from pathlib import Path

from settings import Settings
from wiring import serve

ROOT = Path(__file__).resolve().parents[2]
CONF = (ROOT / "deploy/nginx.conf").read_text()
DEFAULTS = Settings(base=ROOT)
UNITS = {"": 1, "s": 1, "k": 1024}


def values(directive: str) -> list[list[int]]:
    """The numbers of each line of this directive, in seconds or bytes."""
    found = re.findall(rf"^ *{directive} ([^;]+);", CONF, re.MULTILINE)
    return [[int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(\w?)\b", line)] for line in found]


def test_a_silent_socket_is_ended_by_the_instance_and_not_by_the_proxy() -> None:
    whole, socket = (seconds for (seconds,) in values("proxy_read_timeout"))
    assert socket > DEFAULTS.websocket.ping_seconds + DEFAULTS.websocket.ping_timeout_seconds
    assert whole > 30  # the longest poll of the contract


def test_both_take_bodies_of_the_same_size_and_none_waits_on_a_disk() -> None:
    assert values("client_max_body_size") == values("client_body_buffer_size") == [[DEFAULTS.server.max_body_bytes]]
    assert values("proxy_max_temp_file_size") == [[0]]


def test_headers_that_pass_the_proxy_fit_the_instance() -> None:
    ((small,),) = values("client_header_buffer_size")
    ((count, size),) = values("large_client_header_buffers")
    assert small + count * size < serve.HEADER_BYTES


def test_the_proxy_ends_idle_connections_before_the_instance_does() -> None:
    assert [30] in values("keepalive_timeout")
    assert serve.IDLE_SECONDS > 30


def test_nothing_is_cached_and_no_log_takes_what_holds_a_query() -> None:
    assert "proxy_cache off;" in CONF
    assert not re.search(
        r"proxy_cache_path|\$(request|args|query_string|http_referer|http_authorization|cookie_)\b", CONF
    )
    assert re.findall(r"^ +error_log (.*);", CONF, re.MULTILINE) == ["stderr emerg"]
    assert re.findall(r"access_log (.*);", CONF) == ["/dev/stdout recado", "off"]


def test_requests_and_connections_are_bounded_for_each_address() -> None:
    for directive in ("limit_req zone=requests", "limit_conn connections", "client_header_timeout", "send_timeout"):
        assert re.search(rf"^ *{directive} ", CONF, re.MULTILINE), directive
