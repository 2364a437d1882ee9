"""The tables of codes are whole, say what now, and docs/protocol.md says the same."""

from handlers.advice import ERRORS, FIELD_ERRORS
from handlers.problems import CODES, STATUS
from handlers.reference_socket import RECONNECT
from realtime.codes import CLOSE_CODES
from tests.codes import codes_of
from tests.instances import ROOT
from tests.markdown import table

PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()


def test_every_code_of_the_source_has_its_advice_and_no_other() -> None:
    advised = {advice.code for advice in (*ERRORS, *FIELD_ERRORS)}
    assert advised == set(codes_of(ROOT))


def test_no_code_stands_there_twice_and_each_says_what_it_means_and_what_now() -> None:
    for table_of_codes in (ERRORS, FIELD_ERRORS):
        assert len({advice.code for advice in table_of_codes}) == len(table_of_codes)
        assert all(advice.meaning.endswith(".") and advice.now.endswith(".") for advice in table_of_codes)


def test_the_status_of_a_code_is_that_of_the_door() -> None:
    # The first of a status is what the door says; the others are more than that.
    told = {advice.status: advice.code for advice in reversed(ERRORS) if advice.status is not None}
    assert told == CODES | {status: kind.code for kind, status in STATUS.items()}
    # What an action refuses may come over a socket as well.
    spoken = {advice.code for advice in ERRORS if advice.spoken}
    assert {kind.code for kind in STATUS} <= spoken


def test_the_page_of_the_contract_has_the_same_errors() -> None:
    rows = [
        {"status": str(advice.status or "frame"), "code": f"`{advice.code}`"}
        | {"meaning": advice.meaning, "what now": advice.now}
        for advice in ERRORS
    ]
    assert table(PROTOCOL, "status", "code", "meaning", "what now") == rows
    fields = [{"code": f"`{one.code}`", "meaning": one.meaning, "what now": one.now} for one in FIELD_ERRORS]
    assert table(PROTOCOL, "code", "meaning", "what now") == fields


def test_the_page_of_the_contract_has_the_same_close_codes() -> None:
    rows = [
        {"code": str(code.code), "meaning": code.meaning, "reconnect?": RECONNECT[code.reconnect]}
        | {"what now": code.now}
        for code in sorted(CLOSE_CODES.values(), key=lambda code: code.code)
    ]
    assert table(PROTOCOL, "code", "meaning", "reconnect?", "what now") == rows
