"""The figures of a run say what was done, what came of it, and what people waited for."""

from prove import history as h
from prove import wire
from prove.figures import NOTHING, SEVERAL, figures
from prove.history import Entry
from tests.prove.damage import true_history


def told(entries: list[Entry]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Table → row → figures."""
    return {table.heading[0]: {row[0]: row[1:] for row in table.rows} for table in figures(entries)}


def fault(kind: str, begin: float, end: float) -> list[Entry]:
    phases = (("begin", begin), ("end", end))
    return [h.Fault(fault=kind, target="redis", phase=phase, at=at) for phase, at in phases]


def delivery(number: int, acked: float, heard: float) -> list[Entry]:
    message = wire.Message(number, "a", "b", "hi", "t", f"c{number}")
    return [
        h.Answered(device="a/1", via="v1", sent=wire.Sent(f"c{number}", message, number, False), at=acked),
        h.Heard(device="b/1", told=wire.MessageTold(number, message), at=heard),
    ]


def test_the_figures_count_everything() -> None:
    found = told(list(true_history()))
    assert found["run"]["seed"] == ("7",)
    assert (found["run"]["people"], found["run"]["devices"]) == (("3",), ("4",))
    assert "all whole" in found["run"]["after everything was mended"][0]
    heard = sum(isinstance(each, h.Heard) and isinstance(each.told, wire.MessageTold) for each in true_history())
    assert found["what happened"]["heard: message"] == (f"{heard:,}",)


def test_a_wait_is_counted_under_what_was_broken_meanwhile() -> None:
    welcome = h.Welcomed(device="b/1", standing=wire.Standing(0, "e", "live"), at=1.0)
    entries = [welcome, *delivery(1, 2.0, 2.01), *fault("kill-redis", 10.0, 12.0), *delivery(2, 11.0, 11.5)]
    entries += [*fault("cut-clients", 19.0, 22.0), *fault("kill-redis", 20.0, 21.0), *delivery(3, 20.5, 22.5)]
    entries += [*delivery(4, 29.5, 30.0), *fault("stop-redis", 29.75, 30.5), *delivery(5, 40.0, 40.02)]
    found = told(entries)
    assert found["broken meanwhile"] == {
        NOTHING: ("2", "10", "10", "20"),
        "kill-redis": ("1", "500", "500", "500"),
        "stop-redis": ("1", "500", "500", "500"),
        SEVERAL: ("1", "2000", "2000", "2000"),
        "all together": ("5", "500", "500", "2000"),
    }
    assert found["fault"] == {"cut-clients": ("1", "3.0"), "kill-redis": ("2", "3.0"), "stop-redis": ("1", "0.8")}


def test_nobody_waited_who_was_not_connected() -> None:
    assert "broken meanwhile" not in told(delivery(1, 2.0, 2.5))


def test_a_table_is_read_in_a_terminal_and_on_a_page() -> None:
    (table,) = figures([h.Acked(device="a/1", position=1)])
    assert table.lines() == ["what happened  times", "acked              1"]
    assert table.markdown() == ["| what happened | times |", "| --- | ---: |", "| acked | 1 |"]
