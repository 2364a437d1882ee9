"""Each MAC covers what it is for: another owner, another use or another key gives another one."""

from crypto import bindings
from crypto.keyring import Ring, make_key

KEY = make_key()
RING, OTHER = Ring((KEY,)), Ring((make_key(),))


def test_a_challenge_is_of_one_ceremony_one_person_and_one_holder() -> None:
    prints = {
        bindings.challenge_fingerprint(*values)
        for values in (
            (RING, "create", 7, b"1", b"challenge"),
            (OTHER, "create", 7, b"1", b"challenge"),
            (RING, "first", 7, b"1", b"challenge"),
            (RING, "create", 8, b"1", b"challenge"),
            (RING, "create", 7, b"2", b"challenge"),
            (RING, "create", 7, b"", b"1challenge"),
            (RING, "create", 7, b"1", b"another"),
        )
    }
    assert len(prints) == 7
    assert {len(each) for each in prints} == {32}


def test_a_challenge_and_a_pending_token_have_enough_chance() -> None:
    assert len({bindings.make_challenge() for _ in range(50)}) == 50
    assert len(bindings.make_challenge()) == 32
    assert len({bindings.make_pending(7) for _ in range(50)}) == 50


def test_a_pending_token_names_whom_it_is_for() -> None:
    token = bindings.make_pending(71)
    assert bindings.pending_is_of(token, 71)
    assert not any(bindings.pending_is_of(token, other) for other in (7, 1, 711, 0))
    moved = token.replace("mfa1_71.", "mfa1_72.")
    assert bindings.pending_fingerprint(RING, token) != bindings.pending_fingerprint(RING, moved)
    assert bindings.pending_fingerprint(RING, token) != bindings.pending_fingerprint(OTHER, token)
    assert len(bindings.pending_fingerprint(RING, "\ud800" * 100_000)) == 32


def test_a_stamp_changes_with_the_password_and_the_person() -> None:
    stamps = {bindings.pending_stamp(RING, *values) for values in ((7, 1), (7, 2), (8, 1))}
    assert len(stamps) == 3


def test_a_passkey_is_bound_to_its_owner_and_to_each_field() -> None:
    macs = {
        bindings.passkey_mac(KEY, 7, 1, b"id", b"key"),
        bindings.passkey_mac(KEY, 8, 1, b"id", b"key"),
        bindings.passkey_mac(KEY, 7, 2, b"id", b"key"),
        bindings.passkey_mac(KEY, 7, 1, b"idk", b"ey"),
        bindings.passkey_mac(KEY, 7, 1, b"id", b"kez"),
        bindings.passkey_mac(make_key(), 7, 1, b"id", b"key"),
    }
    assert len(macs) == 6
    assert bindings.same(min(macs), bytes(min(macs)))
    assert not bindings.same(min(macs), max(macs))


def test_a_handle_tells_nothing_and_is_another_one_each_time() -> None:
    handles = {bindings.first_handle(RING, user, bindings.make_challenge()) for user in (7, 7, 8)}
    assert len(handles) == 3
    assert {len(each) for each in handles} == {64}


def test_who_has_no_passkey_seems_to_have_the_same_ones_each_time() -> None:
    names = [f"nobody{number}" for number in range(200)]
    first = [bindings.fake_credentials(RING, name) for name in names]
    assert first == [bindings.fake_credentials(RING, name) for name in names]
    assert {len(each) for each in first} == {1, 2}
    assert len({credential for each in first for credential in each}) == sum(map(len, first))
    assert first[0] != bindings.fake_credentials(OTHER, names[0])
    assert bindings.fake_credentials(RING, "?\ud800" + "x" * 100_000)
