"""Recovery codes: enough chance, read as people write them, and a fingerprint that is one person's."""

import pytest

from crypto import recovery
from crypto.keyring import make_key


def test_a_set_has_ten_codes_of_128_bits() -> None:
    codes = recovery.make_codes()
    raws = {recovery.read_code(code) for code in codes}
    assert len(codes) == len(raws) == 10
    assert {len(raw or b"") * 8 for raw in raws} == {128}
    assert not raws & {recovery.read_code(code) for code in recovery.make_codes()}


def test_a_code_is_read_as_people_write_it() -> None:
    shown = recovery.make_codes()[0]
    raw = recovery.read_code(shown)
    assert raw is not None
    bare = shown.replace("-", "")
    for typed in (bare, bare.lower(), f" {shown} ", shown.replace("-", " ")):
        assert recovery.read_code(typed) == raw
    assert recovery.read_code("0" * 20 + "AAAAAA") == recovery.read_code("O" * 20 + "AAAAAA")


@pytest.mark.parametrize("typed", ["", "A", "A" * 25, "A" * 27, "9" * 26, "ß" * 26, "A" * 25 + "B", "\ud800" * 26, "é"])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert recovery.read_code(typed) is None


def test_a_fingerprint_is_of_one_code_one_person_and_one_key() -> None:
    key, other = make_key(), make_key()
    one, two = (recovery.read_code(code) or b"" for code in recovery.make_codes()[:2])
    print_of_one = recovery.fingerprint(key, 7, one)
    assert print_of_one == recovery.fingerprint(key, 7, one)
    others = [recovery.fingerprint(*values) for values in ((key, 8, one), (key, 7, two), (other, 7, one))]
    assert len({print_of_one, *others}) == 4
    assert recovery.same(print_of_one, bytes(print_of_one))
    assert not any(recovery.same(print_of_one, each) for each in others)
