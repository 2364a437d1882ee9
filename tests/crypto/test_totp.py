"""RFC 6238: its vectors, the window around now, and a seed that opens for one credential of one person only."""

import secrets
from urllib.parse import parse_qs, urlsplit

import pytest

from crypto import totp
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Ring, make_key

SEED = b"12345678901234567890"  # RFC 6238, appendix B
MINUTE = 60_000


@pytest.mark.parametrize(
    ("seconds", "eight_digits"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_codes_are_those_of_the_rfc(seconds: int, eight_digits: str) -> None:
    step = seconds // totp.STEP_SECONDS
    assert totp.code_at(SEED, step) == eight_digits[-totp.DIGITS :]
    assert totp.step_of(SEED, eight_digits[-totp.DIGITS :], seconds * 1000) == step


def test_a_code_is_good_in_its_step_and_fifteen_seconds_longer() -> None:
    step = 1_800_000_000 // 30
    code, begins = totp.code_at(SEED, step), step * 30_000
    for into in (0, 1, 29_999, 30_000, 44_999):
        assert totp.step_of(SEED, code, begins + into) == step, into
    for into in (-1, -30_000, 45_000, 60_000, MINUTE * 60):
        assert totp.step_of(SEED, code, begins + into) is None, into


def test_a_code_may_be_typed_in_groups_and_nothing_else_is_one() -> None:
    now = 1_800_000_000_000
    code = totp.code_at(SEED, now // 30_000)
    assert totp.step_of(SEED, f" {code[:3]} {code[3:]} ", now) == now // 30_000
    arabic = "".join(chr(0x660 + int(digit)) for digit in code)
    for typed in ("", code[:-1], code + "0", "0" + code, "abcdef", arabic, f"+{code[1:]}", "\ud800", "1" * 100_000):
        assert totp.step_of(SEED, typed, now) is None


def test_a_seed_has_160_bits_of_chance() -> None:
    seeds = {totp.make_seed() for _ in range(50)}
    assert len(seeds) == 50
    assert {len(seed) * 8 for seed in seeds} == {160}
    assert len(totp.to_base32(seeds.pop())) == 32


def test_an_app_reads_all_of_it_from_the_uri() -> None:
    parts = urlsplit(totp.uri(SEED, account="José ñ", issuer="Recado"))
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/Recado:Jos%C3%A9%20%C3%B1")
    told = parse_qs(parts.query)
    assert (told["secret"], told["issuer"]) == ([totp.to_base32(SEED)], ["Recado"])
    # What is not said is as every app takes it.
    assert {name: value for name, value in told.items() if name in ("digits", "period", "algorithm")} == {}


def test_a_sealed_seed_opens_where_it_was_sealed_and_nowhere_else() -> None:
    master, other = Ring((make_key(),)), Ring((make_key(),))
    key_id, sealed = totp.seal_seed(master, 7, 70, SEED)
    assert SEED not in sealed
    assert totp.open_seed(master, 7, 70, key_id, sealed) == SEED
    for user_id, credential_id in ((8, 70), (7, 71), (70, 7)):
        with pytest.raises(Tampered):
            totp.open_seed(master, user_id, credential_id, key_id, sealed)
    for spoilt in (b"", sealed[:-1], sealed[:-4] + b"AAA=", sealed + b"=", secrets.token_bytes(200)):
        with pytest.raises(Tampered):
            totp.open_seed(master, 7, 70, key_id, spoilt)
    with pytest.raises(UnknownKey):
        totp.open_seed(other, 7, 70, key_id, sealed)


def test_a_sealed_text_that_is_no_seed_is_refused() -> None:
    master = Ring((make_key(),))
    key_id, sealed = totp.seal_seed(master, 7, 70, b"short")
    with pytest.raises(Tampered):
        totp.open_seed(master, 7, 70, key_id, sealed)


def test_after_a_rotation_the_old_key_opens_and_the_new_one_seals() -> None:
    old, new = make_key(), make_key()
    key_id, sealed = totp.seal_seed(Ring((old,)), 7, 70, SEED)
    both = Ring((new, old))
    assert totp.open_seed(both, 7, 70, key_id, sealed) == SEED
    assert totp.seal_seed(both, 7, 70, SEED)[0] == new.id
