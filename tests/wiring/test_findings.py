"""What the doctor finds, as a line."""

from wiring.findings import BROKEN, broken, note, ok, weak


def test_a_finding_is_one_line_with_its_remedy_at_the_end() -> None:
    assert ok("page", "built").line() == "ok      page        built"
    assert weak("limits", "off", "switch them on").line() == "weak    limits      off -> switch them on"
    assert note("data", "not there yet").line().startswith("note    data")


def test_nothing_in_a_path_can_break_the_line_or_colour_it() -> None:
    line = broken("data", "/tmp/a\nok      database    fine\x1b[32m", "mend\rit").line()
    assert "\n" not in line
    assert "\r" not in line
    assert "\x1b" not in line
    assert line.startswith(BROKEN)
