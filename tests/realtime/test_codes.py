"""The table of close codes is one a client can rely on."""

from realtime.codes import CLOSE_CODES, Reconnect


def test_the_codes_are_those_of_the_contract() -> None:
    assert {name: code.code for name, code in CLOSE_CODES.items()} == {
        "unauthenticated": 4401,
        "forbidden": 4403,
        "no_hello": 4408,
        "too_slow": 4409,
        "too_many": 4429,
        "too_big": 1009,
        "restart": 1012,
        "violation": 1008,
        "not_text": 1007,
        "internal": 1011,
    }


def test_each_number_stands_for_one_thing_and_each_name_for_itself() -> None:
    assert len({code.code for code in CLOSE_CODES.values()}) == len(CLOSE_CODES)
    assert all(name == code.name for name, code in CLOSE_CODES.items())


def test_each_reason_fits_into_a_close_frame() -> None:
    # RFC 6455 §5.5: 125 bytes, two of them the number
    assert all(0 < len(code.reason.encode()) <= 123 for code in CLOSE_CODES.values())


def test_only_a_fault_of_the_client_or_its_rights_keeps_it_away() -> None:
    away = {name for name, code in CLOSE_CODES.items() if code.reconnect is Reconnect.NO}
    assert away == {"forbidden", "too_big", "violation", "not_text"}
    assert CLOSE_CODES["unauthenticated"].reconnect is Reconnect.AFTER_NEW_TOKEN
