"""The state machine of a device does what the contract asks of a client."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from prove import history as h
from prove import wire
from prove.client import Device
from prove.history import Entry
from prove.line import _request

MESSAGE = wire.Message(7, "a", "b", "hi", "t", "c1")


@pytest.fixture
def entries() -> list[Entry]:
    return []


@pytest.fixture
def device(entries: list[Entry]) -> Device:
    return Device("a/1", entries.append)


def welcome(position: int = 0, outcome: str = "live", epoch: str = "e1") -> wire.Welcome:
    return wire.Welcome(position, epoch, outcome, "a", 30)


def join(device: Device, position: int = 0) -> None:
    device.hello("token")
    device.take(welcome(position), 0)


def told(position: int, sender: str = "b") -> wire.MessageTold:
    return wire.MessageTold(position, wire.Message(position, sender, "a", "hi", "t", f"c{position}"))


def resumes_from(device: Device) -> tuple[Any, Any]:
    device.lost()
    hello = device.hello()
    return hello["position"], hello["epoch"]


def test_a_first_hello_names_no_position(device: Device) -> None:
    hello = device.hello("token")
    assert (hello["position"], hello["epoch"], hello["token"]) == (None, None, "token")


def test_it_resumes_from_the_highest_contiguous_position_and_the_epoch(device: Device) -> None:
    join(device, 10)
    for position in (11, 13, 14):
        device.take(told(position), 0)
    assert resumes_from(device) == (11, "e1")
    device.take(welcome(14, "recovered"), 0)
    device.take(told(12), 0)
    assert resumes_from(device) == (14, "e1")


def test_a_heartbeat_above_what_it_has_does_not_move_the_cursor(device: Device) -> None:
    join(device, 3)
    device.take(wire.Heartbeat(9), 0)
    assert not device.has_everything
    assert resumes_from(device) == (3, "e1")


def test_what_sent_stands_for_counts_as_had(device: Device) -> None:
    join(device, 3)
    device.wish_send("b", "hi", "c1")
    device.say(device.due(0)[0], "v1", 0)
    device.take(wire.Sent("c1", MESSAGE, 4, False), 0)
    assert resumes_from(device) == (4, "e1")


def test_a_send_is_repeated_with_its_client_id_until_it_is_answered(device: Device, entries: list[Entry]) -> None:
    device.wish_send("b", "hi", "c1")
    assert device.due(0) == []  # not connected
    join(device)
    (job,) = device.due(0)
    first = device.say(job, "v1", 0)
    assert device.due(100) == []  # its answer may come
    device.lost(1012)
    join(device)
    (job,) = device.due(0)
    assert device.say(job, "v1", 0) == first
    device.take(wire.Sent("c1", MESSAGE, 1, True), 0)
    assert not len(device.outbox)
    assert [each.client_id for each in entries if isinstance(each, h.Tried)] == ["c1", "c1"]
    assert [each.sent.duplicate for each in entries if isinstance(each, h.Answered)] == [True]


def test_a_passing_refusal_is_waited_out_and_a_final_one_is_the_end(device: Device, entries: list[Entry]) -> None:
    join(device)
    device.wish_send("b", "hi", "c1")
    device.say(device.due(0)[0], "v1", 0)
    device.take(wire.Error("unavailable", "Later.", "c1", 2.0), 10)
    assert device.due(11.9) == []
    (job,) = device.due(12)
    device.say(job, "v1", 12)
    device.take(wire.Error("conflict", "No.", "c1"), 12)
    assert not len(device.outbox)
    assert [(each.error.code, each.final) for each in entries if isinstance(each, h.Refused)] == [
        ("unavailable", False), ("conflict", True)
    ]  # fmt: skip


def test_a_call_without_an_answer_is_tried_again_on_either_way(device: Device, entries: list[Entry]) -> None:
    join(device)
    device.wish_send("b", "hi", "c1")
    (job,) = device.due(0)
    device.say(job, "rest", 0)
    device.lost()  # the socket; the call may still be answered
    join(device)
    assert device.due(0) == []
    device.answered_call(job, 0, b"", 5, 1)
    assert device.due(5.5) == []
    device.say(device.due(6)[0], "v1", 6)
    device.answered_call(job, 503, b'{"code":"unavailable"}', 6)
    device.answered_call(job, 200, wire.encode({"id": 7, "sender": "a", "recipient": "b", "content": "hi",
                                                "timestamp": "t", "client_id": "c1"}), 7)  # fmt: skip
    assert not len(device.outbox)
    assert [each.via for each in entries if isinstance(each, h.Tried)] == ["rest", "v1"]


def test_a_proxys_answer_that_is_no_problem_document_is_tried_again(device: Device) -> None:
    join(device)
    device.wish_edit(7, "new")
    (job,) = device.due(0)
    device.say(job, "rest", 0)
    device.answered_call(job, 502, b"<html>", 0, 1)
    assert len(device.due(1)) == 1


def test_after_a_reset_it_loads_history_before_it_acknowledges(device: Device, entries: list[Entry]) -> None:
    join(device, 5)
    device.lost()
    device.hello()
    device.take(welcome(40, "reset", "e2"), 0)
    assert device.reload_upto == 40
    assert device.ack() is None
    device.take(told(41), 0)
    device.reloaded([MESSAGE])
    assert device.ack() == {"type": "ack", "ref": "ack", "position": 41}
    assert resumes_from(device) == (41, "e2")
    assert [each.position for each in entries if isinstance(each, h.Reloaded)] == [40]


def test_it_acknowledges_what_is_contiguous_once_on_each_connection(device: Device) -> None:
    join(device, 1)
    assert device.ack() == {"type": "ack", "ref": "ack", "position": 1}
    device.take(told(3), 0)
    assert device.ack() is None
    device.take(told(2), 0)
    assert device.ack() == {"type": "ack", "ref": "ack", "position": 3}
    assert device.ack() is None
    device.lost()
    assert device.ack() is None
    device.hello()
    device.take(welcome(3, "recovered"), 0)
    assert device.ack() == {"type": "ack", "ref": "ack", "position": 3}


def test_a_bye_says_how_long_to_wait_until_the_next_connection(device: Device, entries: list[Entry]) -> None:
    join(device)
    device.take(wire.Bye(1012, "restart", 700), 0)
    assert device.asked_ms == 700
    assert isinstance(entries[-1], h.Dismissed)


def test_what_has_come_can_be_read_once(device: Device) -> None:
    join(device)
    device.take(told(1), 0)
    device.take(told(2), 0)
    device.wish_read("b")
    (job,) = device.due(0)
    read, ping = device.say(job, "v1", 0)
    assert (read["peer"], read["up_to"]) == ("b", 2)
    assert device.unread == {}
    device.take(wire.Pong(2, "ping"), 0)
    assert len(device.outbox) == 1
    device.take(wire.Pong(2, str(ping["ref"])), 0)
    assert not len(device.outbox)


def test_a_pong_behind_a_refused_reading_means_nothing(device: Device) -> None:
    join(device)
    device.take(told(1), 0)
    device.wish_read("b")
    (job,) = device.due(0)
    _, first_ping = device.say(job, "v1", 0)
    device.take(wire.Error("unavailable", "Later.", job.ref, 1.0), 0)
    device.take(wire.Pong(1, str(first_ping["ref"])), 0)
    _, second_ping = device.say(device.due(1)[0], "v1", 1)
    device.take(wire.Pong(1, str(first_ping["ref"])), 0)
    assert len(device.outbox) == 1
    device.take(wire.Pong(1, str(second_ping["ref"])), 0)
    assert not len(device.outbox)


def test_an_edit_is_answered_by_its_event_and_by_no_other(device: Device) -> None:
    join(device)
    device.wish_edit(7, "new")
    device.take(wire.EditedTold(1, replace(MESSAGE, content="new")), 0)  # of another device: not yet asked for
    device.say(device.due(0)[0], "v1", 0)
    device.take(wire.EditedTold(2, replace(MESSAGE, content="newer")), 0)
    assert len(device.outbox) == 1
    device.take(wire.EditedTold(3, replace(MESSAGE, content="new")), 0)
    assert not len(device.outbox)


def test_a_message_is_not_changed_twice_at_once(device: Device) -> None:
    device.own.extend((7, 8))
    device.wish_edit(7, "new")
    assert device.changeable == [8]


def test_a_refused_hello_is_seen(device: Device) -> None:
    device.hello()
    device.take(wire.Error("unavailable", "Later.", "hello"), 0)
    assert device.hello_refused
    device.hello()
    assert not device.hello_refused


def test_a_deleted_message_is_not_edited_any_more(device: Device) -> None:
    join(device)
    device.wish_send("b", "hi", "c1")
    device.say(device.due(0)[0], "v1", 0)
    device.take(wire.Sent("c1", MESSAGE, 1, False), 0)
    assert list(device.own) == [7]
    device.take(wire.DeletedTold(2, 7, "b"), 0)
    assert list(device.own) == []


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'{"type":"never"}', b'{"type":"welcome"}', b'{"type":"pong","position":"1"}']
)
def test_what_the_contract_does_not_have_is_noted(device: Device, entries: list[Entry], raw: bytes) -> None:
    device.hear(raw, 0)
    assert isinstance(entries[-1], h.Strange)


def test_unknown_fields_and_events_without_a_position_are_ignored(device: Device, entries: list[Entry]) -> None:
    device.hear(b'{"type":"typing","peer":"b"}', 0)
    device.hear(b'{"type":"presence","peer":"b","online":true,"mood":"fine"}', 0)
    assert entries == []


def page(head: int, *positions: int, outcome: str = "recovered") -> bytes:
    return msgspec.json.encode(wire.Page(head, "e1", outcome, [told(position) for position in positions]))


def test_one_that_polls_begins_with_the_whole_log_and_goes_on_from_what_it_has(entries: list[Entry]) -> None:
    device = Device("a/1", entries.append, polls=True)
    assert device.listen() == {"after": "0"}
    device.listened(page(3, 1, 2))
    assert not device.has_everything
    assert device.listen() == {"after": "2", "epoch": "e1"}
    device.listened(page(3, 3))
    assert device.has_everything  # no call acknowledges
    assert [each.via for each in entries if isinstance(each, h.Opened)] == ["poll", "poll"]


def test_one_that_polls_loads_history_after_a_reset_too(entries: list[Entry]) -> None:
    device = Device("a/1", entries.append, polls=True)
    device.listen()
    device.listened(page(9, outcome="reset"))
    assert device.reload_upto == 9
    assert device.listen()["after"] == "9"


def test_an_answer_to_a_poll_that_the_contract_does_not_have_is_noted(entries: list[Entry]) -> None:
    Device("a/1", entries.append, polls=True).listened(b"{}")
    assert isinstance(entries[-1], h.Strange)


def test_a_block_is_asked_for_until_it_is_answered(device: Device, entries: list[Entry]) -> None:
    join(device)
    device.wish_block("b")
    (job,) = device.due(0)
    device.say(job, "rest", 0)
    device.answered_call(job, 0, b"", 0, 1)
    device.say(device.due(1)[0], "rest", 1)
    device.answered_call(job, 204, b"", 1)
    device.wish_unblock("b")
    device.say(device.due(1)[0], "rest", 1)
    asked = [(each.peer, each.ends) for each in entries if isinstance(each, h.Blocking)]
    assert asked == [("b", False), ("b", False), ("b", True)]
    assert sum(isinstance(each, h.Fulfilled) for each in entries) == 1


def test_a_timer_is_asked_for_until_it_is_answered_and_none_is_asked_for_as_null(
    device: Device, entries: list[Entry]
) -> None:
    join(device)
    for seconds, body in ((60, b'{"peer":"b","ttl_seconds":60}'), (None, b'{"peer":"b"}')):
        device.wish_timer("b", seconds)
        (job,) = device.due(0)
        assert _request(job) == ("PATCH", "/api/conversations/b/", {"ttl_seconds": seconds})
        device.say(job, "rest", 0)
        device.answered_call(job, 0, b"", 0, 0)
        device.say(device.due(0)[0], "rest", 0)
        device.answered_call(job, 200, body, 0)
    assert [(each.peer, each.ttl) for each in entries if isinstance(each, h.Timing)] == [("b", 60)] * 2 + [
        ("b", None)
    ] * 2
    said = [each.timer for each in entries if isinstance(each, h.Fulfilled)]
    assert said == [wire.Timer("b", 60), wire.Timer("b")]
