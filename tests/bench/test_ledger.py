"""The ledger finds every way in which a message can fail to arrive exactly once, intact and in order."""

from hypothesis import given
from hypothesis import strategies as st

from bench.ledger import RECIPIENT, SENDER, Ledger, Texts, Verdict


def sent(count: int = 3, pair: int = 0) -> Ledger:
    ledger = Ledger(2, Texts("run", 100))
    for _ in range(count):
        ledger.send(pair)
    return ledger


def arrive(ledger: Ledger, *numbers: int, side: int = RECIPIENT, pair: int = 0) -> list[int | None]:
    return [ledger.arrive(side, pair, ledger.texts.make(pair, number)) for number in numbers]


def test_all_is_well_when_each_message_arrives_once_on_both_sides():
    ledger = sent()
    assert not ledger.is_complete
    assert arrive(ledger, 0, 1, 2) == [0, 1, 2]
    assert not ledger.is_complete
    arrive(ledger, 0, 1, 2, side=SENDER)
    assert ledger.is_complete
    assert ledger.verdict().is_good


def test_what_has_not_arrived_is_lost_on_each_side():
    ledger = sent()
    arrive(ledger, 0, 1)
    arrive(ledger, 0, side=SENDER)
    assert ledger.verdict() == Verdict(lost=3)
    assert not ledger.verdict().is_good


def test_a_second_arrival_is_doubled_and_stands_for_no_other():
    ledger = sent(2)
    assert arrive(ledger, 0, 0) == [0, None]
    arrive(ledger, 0, 1, side=SENDER)
    assert ledger.verdict() == Verdict(lost=1, doubled=1)
    assert not ledger.is_complete


def test_an_earlier_message_after_a_later_one_is_out_of_order():
    ledger = sent(2)
    assert arrive(ledger, 1, 0) == [1, 0]
    arrive(ledger, 0, 1, side=SENDER)
    assert ledger.verdict() == Verdict(disordered=1)


def test_what_was_never_sent_and_what_was_changed_is_strange():
    ledger = sent(1)
    good = ledger.texts.make(0, 0)
    for content in ("", "hello", good[:-1], good + "x", ledger.texts.make(0, 1), ledger.texts.make(1, 0)):
        assert ledger.arrive(RECIPIENT, 0, content) is None
    assert ledger.strange == 6
    assert ledger.arrive(RECIPIENT, 0, Texts("other", 100).make(0, 0)) is None
    assert arrive(ledger, 0) == [0]


@given(length=st.integers(min_value=1, max_value=20_000), pair=st.integers(0, 999), number=st.integers(0, 10**6))
def test_a_text_has_its_length_and_tells_its_number(length, pair, number):
    texts = Texts("run", length)
    content = texts.make(pair, number)
    assert len(content) == max(length, len(f"run {pair} {number} "))
    assert texts.number(pair, content) == number
    assert texts.number(pair + 1, content) is None
