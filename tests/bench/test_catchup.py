"""A client that comes back counts each event once, at its position, with its text; anything else is wrong."""

from bench.away import Heard
from bench.catchup import CatchUp
from bench.ledger import Texts

TEXTS = Texts("run", 100)


def client(waiting: int = 3, position: int = 10) -> CatchUp:
    return CatchUp(4, position, waiting, TEXTS)


def event(position: int, number: int, index: int = 4) -> Heard:
    content = TEXTS.make(index, number)
    return Heard("message", position=position, message=type("Content", (), {"content": content}))


def test_events_in_the_order_of_their_positions_are_right():
    catch_up = client()
    catch_up.take(Heard("welcome", position=13, outcome="recovered"))
    for position, number in ((11, 2), (12, 0), (13, 1)):
        assert catch_up.missing
        catch_up.take(event(position, number))
    assert (catch_up.missing, catch_up.wrong, catch_up.position) == (0, 0, 13)
    assert not catch_up.refused


def test_what_does_not_come_is_missing():
    catch_up = client()
    catch_up.take(event(11, 0))
    assert (catch_up.missing, catch_up.wrong) == (2, 0)


def test_a_gap_a_repeat_and_another_text_are_wrong():
    for heard in (event(13, 1), event(11, 0), event(12, 0), event(12, 1, index=5), Heard("message", position=12)):
        catch_up = client()
        catch_up.take(event(11, 0))
        catch_up.take(heard)
        assert (catch_up.missing, catch_up.wrong, catch_up.position) == (2, 1, 11)


def test_who_is_told_to_begin_anew_or_gets_an_error_is_refused():
    for heard in (Heard("welcome", outcome="reset"), Heard("welcome", outcome="live"), Heard("error", code="invalid")):
        catch_up = client()
        catch_up.take(heard)
        assert catch_up.refused


def test_what_is_no_event_of_the_log_changes_nothing():
    catch_up = client()
    for heard in (Heard("heartbeat", position=99), Heard("presence"), Heard("typing")):
        catch_up.take(heard)
    assert (catch_up.missing, catch_up.wrong, catch_up.refused) == (3, 0, False)
