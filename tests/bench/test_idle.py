"""Counts, addresses and the cost of one idle socket; and sockets are really open on the relay."""

import argparse
import json

import pytest

from bench.idle import SOCKETS_PER_SOURCE, Step, counts_of, main, per_socket, source_of
from bench.subjects import relay


def test_counts_are_two_or_more_and_rise():
    assert counts_of("1000,10000") == (1000, 10_000)
    for wrong in ("10", "10,10", "20,10", "0,5"):
        with pytest.raises(argparse.ArgumentTypeError):
            counts_of(wrong)


def test_one_socket_costs_the_difference_between_two_counts():
    assert per_socket([Step(100, 50_000), Step(500, 60_000), Step(1100, 60_000)]) == 10


def test_on_loopback_another_address_is_used_when_the_ports_run_out():
    assert source_of(0, "127.0.0.1") == source_of(SOCKETS_PER_SOURCE - 1, "127.0.0.1") == "127.0.0.2"
    assert source_of(SOCKETS_PER_SOURCE, "127.0.0.1") == "127.0.0.3"
    assert source_of(0, "chat.example") is None


def test_sockets_are_opened_and_the_servers_memory_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("bench.idle.SETTLE_SECONDS", 0.0)
    with relay(tmp_path, frozenset()) as subject:
        wanted = ["--url", subject.url, "--dialect", "relay", "--server-pid", str(subject.pid), "--steps", "10,60"]
        assert main([*wanted, "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["rss_kb"]) == {"10", "60"}
