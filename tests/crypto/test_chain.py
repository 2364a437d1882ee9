"""The audit log's mathematics: one byte changed is another link; keys go forward only; what is sealed stays put."""

import hmac
from hashlib import sha256

import msgspec
import pytest

from crypto import chain
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Ring, make_key

ENTRY = chain.Entry(
    log="a0b1",
    id=7,
    at=1_800_000_000_000,
    actor_id=5,
    personal=b"sealed",
    action="login",
    outcome="ok",
    reason="",
    request_id="r1",
    instance="i1",
    epoch=2,
    prev=bytes(32),
)
KEY = bytes(range(32))


def test_a_link_is_sha_256_of_the_canonical_form() -> None:
    # Written out by hand: version, number of fields, length of the name, the name; then length or 0x8000 and the value.
    def text(value: bytes) -> bytes:
        return len(value).to_bytes(2, "big") + value

    def number(value: int) -> bytes:
        return b"\x80\x00" + value.to_bytes(8, "big")

    form = b"\x01" + (12).to_bytes(2, "big") + text(b"audit")
    form += text(b"a0b1") + number(7) + number(1_800_000_000_000) + number(5) + text(b"sealed")
    form += text(b"login") + text(b"ok") + text(b"") + text(b"r1") + text(b"i1") + number(2) + text(bytes(32))
    assert chain.link(ENTRY) == sha256(form).digest()


@pytest.mark.parametrize("name", ENTRY.__struct_fields__)
def test_every_field_changes_the_link(name: str) -> None:
    value = getattr(ENTRY, name)
    other = value + (1 if isinstance(value, int) else b"x" if isinstance(value, bytes) else "x")
    assert chain.link(msgspec.structs.replace(ENTRY, **{name: other})) != chain.link(ENTRY)


def test_what_moves_from_one_field_to_the_next_changes_the_link() -> None:
    moved = msgspec.structs.replace(ENTRY, action="log", outcome="inok")
    assert chain.link(moved) != chain.link(ENTRY)
    assert chain.link(msgspec.structs.replace(ENTRY, actor_id=None)) != chain.link(ENTRY)


def test_a_mac_is_made_with_the_key_and_is_none_of_the_head() -> None:
    link = chain.link(ENTRY)
    assert chain.mac(KEY, link) != chain.mac(chain.next_key(KEY), link)
    heads = {chain.head_mac(KEY, *each) for each in (("a", 1, link, 0), ("a", 2, link, 0), ("b", 1, link, 0))}
    assert len(heads | {chain.mac(KEY, link), chain.head_mac(KEY, "a", 1, link, 1)}) == 5
    assert chain.same(chain.mac(KEY, link), chain.mac(KEY, link))
    assert not chain.same(chain.mac(KEY, link), bytes(32))


def test_the_next_key_is_hkdf_and_never_comes_back() -> None:
    # RFC 5869 §2.3, one block.
    assert chain.next_key(KEY) == hmac.digest(KEY, b"audit-next\x01", "sha256")
    keys = [KEY]
    for _ in range(50):
        keys.append(chain.next_key(keys[-1]))
    assert len(set(keys)) == 51


def test_a_key_opens_under_its_own_name_and_ring_only() -> None:
    ring, other = Ring((make_key(),)), Ring((make_key(),))
    sealed = chain.seal_key(ring, "epoch a 1", KEY)
    assert chain.open_key(ring, "epoch a 1", sealed) == KEY
    with pytest.raises(Tampered):
        chain.open_key(ring, "epoch a 2", sealed)
    with pytest.raises(UnknownKey):
        chain.open_key(other, "epoch a 1", sealed)
    for broken in (b"", sealed[:5], sealed[:-1], sealed[:-4] + b"AAA=", b"\x02\xff\xff" + sealed):
        with pytest.raises((Tampered, UnknownKey)):
            chain.open_key(ring, "epoch a 1", broken)
    assert KEY not in sealed


def test_an_older_key_of_the_ring_still_opens() -> None:
    old = make_key()
    sealed = chain.seal_key(Ring((old,)), "person 1", KEY)
    assert chain.open_key(Ring((make_key(), old)), "person 1", sealed) == KEY


def test_what_a_record_says_of_a_person_opens_in_that_record_only() -> None:
    sealed = chain.seal_personal(KEY, "a0b1", 7, b"127.0.0.0/24")
    assert chain.open_personal(KEY, "a0b1", 7, sealed) == b"127.0.0.0/24"
    for key, log, number in ((chain.next_key(KEY), "a0b1", 7), (KEY, "a0b2", 7), (KEY, "a0b1", 8)):
        with pytest.raises(Tampered):
            chain.open_personal(key, log, number, sealed)


def test_the_first_key_is_kept_as_one_line() -> None:
    line = chain.format_first_key("a0b1", KEY)
    assert chain.parse_first_key(f"{line}\n") == ("a0b1", KEY)
    for wrong in ("", "recado-audit-1 a0b1", line + " more", line[:-3], line.replace("audit-1", "audit-9")):
        with pytest.raises(ValueError):  # noqa: PT011 - base64's own words for one of them
            chain.parse_first_key(wrong)


def test_logs_and_keys_are_never_the_same_twice() -> None:
    assert len({chain.make_log() for _ in range(100)} | {chain.make_key().hex() for _ in range(100)}) == 200
    secret = make_key().secret
    assert chain.derived_key(secret, "nobody") != chain.derived_key(secret, "checkpoint")


def test_a_fingerprint_changes_with_the_text() -> None:
    assert chain.fingerprint("a") == sha256(b"a").hexdigest()[:16]
    assert chain.fingerprint("a") != chain.fingerprint("b")
