"""Checkpoints: signed whole, checked without a secret, and one line that nothing can break."""

import json

import msgspec
import pytest

from crypto import checkpoints
from crypto.checkpoints import Checkpoint
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Ring, make_key

CHECKPOINT = Checkpoint(
    log="a0b1",
    number=3,
    at=1_800_000_000_000,
    record=120,
    link=bytes(range(32)),
    floor=10,
    floor_link=bytes(range(1, 33)),
    previous=bytes(32),
)


@pytest.fixture(scope="module")
def ring() -> Ring:
    return Ring((make_key(), make_key()))


def test_what_is_signed_is_good_with_the_public_key_alone(ring: Ring) -> None:
    signed = checkpoints.sign(ring, CHECKPOINT)
    text = checkpoints.format_public_keys(checkpoints.public_keys(ring))
    checkpoints.check(checkpoints.parse_public_keys(text), signed)
    assert not any(key.secret in text.encode() for key in ring.keys)


@pytest.mark.parametrize("name", [*CHECKPOINT.__struct_fields__])
def test_every_field_is_covered(ring: Ring, name: str) -> None:
    signed = checkpoints.sign(ring, CHECKPOINT)
    value = getattr(signed, name)
    other = value + (1 if isinstance(value, int) else b"x" if isinstance(value, bytes) else "x")
    with pytest.raises((Tampered, UnknownKey)):
        checkpoints.check(checkpoints.public_keys(ring), msgspec.structs.replace(signed, **{name: other}))


def test_another_servers_signature_is_none(ring: Ring) -> None:
    strangers = checkpoints.sign(Ring((make_key(),)), CHECKPOINT)
    with pytest.raises(UnknownKey):
        checkpoints.check(checkpoints.public_keys(ring), strangers)
    claimed = msgspec.structs.replace(strangers, key_id=ring.current.id)
    with pytest.raises(Tampered):
        checkpoints.check(checkpoints.public_keys(ring), claimed)


def test_an_older_key_still_checks(ring: Ring) -> None:
    older = checkpoints.sign(Ring((ring.keys[1],)), CHECKPOINT)
    checkpoints.check(checkpoints.public_keys(ring), older)


def test_the_digest_covers_the_signature(ring: Ring) -> None:
    signed = checkpoints.sign(ring, CHECKPOINT)
    digests = {checkpoints.digest(each) for each in (CHECKPOINT, signed, msgspec.structs.replace(signed, number=4))}
    assert len(digests) == 3


def test_it_goes_out_as_one_line_and_comes_back(ring: Ring) -> None:
    signed = checkpoints.sign(ring, CHECKPOINT)
    line = checkpoints.to_line(signed)
    assert checkpoints.from_line(line) == signed
    assert json.loads(line)["type"] == "recado.audit.checkpoint"


def test_nothing_in_it_can_end_the_line_or_speak_to_a_terminal() -> None:
    nasty = msgspec.structs.replace(CHECKPOINT, log="a\r\nb\x1b[31m\u2028\u2029\x00\x7f\x9bc", key_id="é")
    line = checkpoints.to_line(nasty)
    assert line.isascii()
    assert line.isprintable()
    assert checkpoints.from_line(line) == nasty


@pytest.mark.parametrize("line", ["", "{}", "null", '{"type":"recado.audit.checkpoint"}', '{"type":"other"}', "\ud800"])
def test_other_lines_are_no_checkpoints(line: str) -> None:
    with pytest.raises(Tampered):
        checkpoints.from_line(line)


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "no public key"), ("a", "line 1"), ("# c\na b c", "line 2"), ("a !!", "line 1"), ("a AAAA", "32 bytes")],
)
def test_a_file_that_holds_no_public_key_is_told(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        checkpoints.parse_public_keys(text)
