"""Access tokens are read in one form only; refresh tokens are told from forged ones and bound to an owner."""

import base64
import hmac
import json
from typing import Any

import jwt
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.envelope import seal_envelope
from crypto.errors import BadToken, UnknownKey
from crypto.keyring import Key, Ring, make_key
from crypto.tokens import (
    Access,
    Refresh,
    fingerprint,
    is_session_seal,
    issue_access,
    make_refresh,
    read_access,
    read_refresh,
    reset_fingerprint,
    seal_session,
    ticket_fingerprint,
)

RING = Ring((make_key(), make_key()))
NOW = 1_700_000_000
ACCESS = Access(
    user_id=2**53 - 1,
    session_id=2**52,
    generation=3,
    issued_at=NOW,
    expires_at=NOW + 600,
    auth_time=NOW - 60,
    token_id="Zr3_unique",
)
CLAIMS: dict[str, Any] = {
    "iss": "recado",
    "aud": "recado",
    "sub": str(2**53 - 1),
    "sid": 2**52,
    "gen": 3,
    "iat": NOW,
    "nbf": NOW,
    "exp": NOW + 600,
    "auth_time": NOW - 60,
    "jti": "Zr3_unique",
    "token_type": "access",
}
HEADER: dict[str, Any] = {"alg": "HS256", "kid": RING.current.id, "typ": "at+jwt"}
NUMBERS = st.integers(0, 2**53 - 1)


def forge(claims: object = CLAIMS, header: object = HEADER, key: Key = RING.current, digest: str = "sha256") -> str:
    """Sign anything at all, as a holder of the key could: what is refused then, is so for its meaning."""
    parts = [value if isinstance(value, bytes) else json.dumps(value).encode() for value in (header, claims)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    tag = base64.urlsafe_b64encode(hmac_of(key, signed, digest)).rstrip(b"=")
    return (signed + b"." + tag).decode()


def hmac_of(key: Key, signed: bytes, digest: str) -> bytes:
    return hmac.digest(key.secret, signed, digest)


def refused(token: str, now: int = NOW) -> str:
    with pytest.raises(BadToken) as caught:
        read_access(RING, token, now)
    assert token == "" or len(token) < len("malformed") or token not in str(caught.value)
    return str(caught.value)


def test_the_forgery_of_these_tests_is_sound_so_that_each_refusal_has_one_cause() -> None:
    assert read_access(RING, forge(), NOW) == ACCESS


@given(
    st.builds(
        Access,
        st.integers(1, 2**53 - 1),
        NUMBERS,
        NUMBERS,
        st.just(NOW),
        st.just(NOW + 1),
        NUMBERS,
        st.text("aZ0-_", min_size=1, max_size=64),
    )
)
def test_any_claims_come_back(claims: Access) -> None:
    assert read_access(RING, issue_access(RING, claims), NOW) == claims


def test_an_access_token_is_a_standard_jwt_that_says_no_name() -> None:
    token = issue_access(RING, ACCESS)
    options: Any = {"verify_exp": False, "strict_aud": True}
    claims = jwt.decode(token, RING.current.secret, ["HS256"], options, audience="recado", issuer="recado")
    assert claims == CLAIMS
    assert jwt.get_unverified_header(token) == HEADER


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "nOnE"},
        {"alg": "HS384"},
        {"alg": "RS256"},
        {"alg": "ES256"},
        {"alg": None},
        {"alg": ["HS256"]},
        {"typ": "JWT"},
        {"typ": "mfa+jwt"},
        {"typ": "AT+JWT"},
        {"typ": None},
        {"kid": "unknown"},
        {"kid": "../../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"kid": "k" * 500},
        {"kid": None},
        {"kid": 1},
        {"kid": ""},
        {"kid": [RING.current.id]},
        {"kid": RING.keys[1].id},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jku": "https://example.org/keys"},
        {"x5u": "https://example.org/cert"},
        {"x5c": ["AAAA"]},
    ],
)
def test_only_our_own_header_is_accepted(header: dict[str, object]) -> None:
    refused(forge(header=HEADER | header))


@pytest.mark.parametrize("missing", list(HEADER))
def test_no_part_of_the_header_may_be_missing(missing: str) -> None:
    refused(forge(header={name: value for name, value in HEADER.items() if name != missing}))


@pytest.mark.parametrize("missing", list(CLAIMS))
def test_no_claim_may_be_missing(missing: str) -> None:
    refused(forge({name: value for name, value in CLAIMS.items() if name != missing}))


@pytest.mark.parametrize("name", ["iat", "nbf", "exp", "sid", "gen", "auth_time"])
@pytest.mark.parametrize("value", [float(NOW + 60), str(NOW + 60), True, None, -1, 2**53, 10**20, 1e300, [NOW], {}])
def test_a_number_is_an_integer_in_range_and_nothing_like_it(name: str, value: object) -> None:
    assert "claims" in refused(forge(CLAIMS | {name: value}), NOW)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"},
        {"aud": ["recado"]},
        {"aud": ["recado", "other"]},
        {"aud": []},
        {"aud": None},
        {"iss": "other"},
        {"iss": ["recado"]},
        {"sub": 5},
        {"sub": "0"},
        {"sub": "05"},
        {"sub": "-5"},
        {"sub": " 5"},
        {"sub": "5\n"},
        {"sub": "٥"},
        {"sub": "5.0"},
        {"sub": str(2**53)},
        {"sub": "alice"},
        {"sub": ""},
        {"jti": ""},
        {"jti": "j" * 65},
        {"jti": 5},
        {"token_type": "refresh"},
        {"exp": NOW},
        {"exp": NOW - 1},
        {"unknown": 1},
    ],
)
def test_claims_of_any_other_meaning_are_refused(claims: dict[str, object]) -> None:
    assert "claims" in refused(forge(CLAIMS | claims), NOW)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b"5", b"\xff\xfe", b'{"exp":NaN}', b"[" * 500])
def test_a_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    refused(forge(payload))


@pytest.mark.parametrize("header", [b"{", b"[]", b"null", b"\xff\xfe", b"[" * 500])
def test_a_header_that_is_no_object_is_refused(header: bytes) -> None:
    refused(forge(header=header))


@pytest.mark.parametrize(("now", "alive"), [(NOW + 599, True), (NOW + 604, True), (NOW + 605, False), (2**60, False)])
def test_a_token_ends_at_exp_with_five_seconds_of_grace(now: int, alive: bool) -> None:
    token = issue_access(RING, ACCESS)
    if alive:
        assert read_access(RING, token, now) == ACCESS
    else:
        assert refused(token, now) == "expired"


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_token_from_the_future_is_refused_beyond_five_seconds(name: str) -> None:
    assert read_access(RING, forge(CLAIMS | {name: NOW + 5}), NOW)
    assert refused(forge(CLAIMS | {name: NOW + 6}), NOW) == "not valid yet"


def test_a_changed_character_anywhere_is_refused() -> None:
    token = issue_access(RING, ACCESS)
    for position, character in enumerate(token):
        for other in "AQgw-_.=+ \n":
            if other != character:
                refused(token[:position] + other + token[position + 1 :])


def test_nothing_can_be_added_to_a_token_or_taken_away() -> None:
    token = issue_access(RING, ACCESS)
    head, body, tag = token.split(".")
    for other in (
        token + "=",
        token + "==",
        token + "\n",
        " " + token,
        token + ".",
        token + "." + tag,
        f"{head}=.{body}.{tag}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}..{tag}",
        f".{body}.{tag}",
        "..",
        "",
        "Bearer " + token,
    ):
        refused(other)


def test_a_token_signed_with_another_hash_or_key_or_not_at_all_is_refused() -> None:
    assert refused(forge(digest="sha384")) == "malformed"
    assert refused(forge(key=make_key())) == "not signed by us"
    assert refused(forge(key=RING.keys[1])) == "not signed by us"
    assert refused(jwt.encode(CLAIMS, None, "none", headers=HEADER | {"alg": "none"})) == "malformed"


def test_an_oversized_token_is_refused_before_it_is_parsed() -> None:
    assert refused(forge(CLAIMS | {"jti": "j" * 2000})) == "oversized"
    assert refused("x" * 10_000_000) == "oversized"


@given(st.text(max_size=60) | st.text("eyJ.AQ-_=", max_size=60))
def test_any_text_is_refused_and_never_anything_else(text: str) -> None:
    refused(text)
    with pytest.raises(BadToken):
        read_refresh(RING, text)
    with pytest.raises(BadToken):
        read_refresh(RING, "rt1_" + text)


def test_a_token_of_another_kind_is_refused_in_both_places() -> None:
    refresh = make_refresh(RING, 7, 1)
    for other in (refresh, refresh.removeprefix("rt1_"), seal_envelope(RING, b"{}").decode("latin-1")):
        refused(other)
    with pytest.raises(BadToken):
        read_refresh(RING, issue_access(RING, ACCESS))


def test_an_older_key_still_reads_and_a_retired_one_does_not() -> None:
    token = issue_access(RING, ACCESS)
    assert read_access(Ring((make_key(), RING.current)), token, NOW) == ACCESS
    with pytest.raises(BadToken, match="unknown key"):
        read_access(Ring((make_key(),)), token, NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        {"user_id": 0},
        {"user_id": -1},
        {"user_id": 2**53},
        {"user_id": True},
        {"session_id": True},
        {"session_id": -1},
        {"generation": 1.0},
        {"expires_at": NOW},
        {"expires_at": NOW + 0.5},
        {"issued_at": 10**20},
        {"token_id": ""},
        {"token_id": "j" * 65},
    ],
)
def test_what_would_not_be_read_is_not_signed(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        issue_access(RING, msgspec.structs.replace(ACCESS, **wrong))


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_a_refresh_token_comes_back(session_id: int, generation: int) -> None:
    refresh = read_refresh(RING, make_refresh(RING, session_id, generation))
    assert (refresh.session_id, refresh.generation, refresh.key_id) == (
        session_id,
        generation,
        RING.current.id,
    )
    assert len(refresh.secret) == 32


def test_no_two_refresh_tokens_share_a_secret_and_none_shows_it() -> None:
    one, other = (read_refresh(RING, make_refresh(RING, 7, 1)) for _ in range(2))
    assert one.secret != other.secret
    assert "secret" not in repr(one)


def test_a_forged_refresh_token_is_told_from_one_that_was_genuine_once() -> None:
    old = make_refresh(RING, 7, 1)
    make_refresh(RING, 7, 2)
    assert read_refresh(RING, old).generation == 1
    forger = Ring((Key(RING.current.id, make_key().secret),))
    with pytest.raises(BadToken, match="not made by us"):
        read_refresh(RING, make_refresh(forger, 7, 1))


def test_a_changed_character_anywhere_in_a_refresh_token_is_refused() -> None:
    text = make_refresh(RING, 7, 1)
    for position, character in enumerate(text):
        for other in "AQgw-_=+ \n":
            if other != character:
                with pytest.raises(BadToken):
                    read_refresh(RING, text[:position] + other + text[position + 1 :])


def test_nothing_can_be_added_to_a_refresh_token_or_taken_away() -> None:
    text = make_refresh(RING, 7, 1)
    for other in (
        text + "=",
        text + "AAAA",
        text[:-4],
        text + "\n",
        "rt2_" + text[4:],
        text[4:],
        "rt1_",
        text * 30,
    ):
        with pytest.raises(BadToken):
            read_refresh(RING, other)


def test_a_refresh_token_outlives_its_key_ring_rotation_and_ends_with_its_key() -> None:
    text = make_refresh(RING, 7, 1)
    rotated = Ring((make_key(), RING.current))
    refresh = read_refresh(rotated, text)
    assert fingerprint(rotated, 5, refresh) == fingerprint(RING, 5, refresh)
    with pytest.raises(BadToken, match="unknown key"):
        read_refresh(Ring((make_key(),)), text)
    with pytest.raises(UnknownKey):
        fingerprint(Ring((make_key(),)), 5, refresh)


def test_a_fingerprint_is_bound_to_user_session_generation_and_secret() -> None:
    refresh = read_refresh(RING, make_refresh(RING, 7, 1))
    own = fingerprint(RING, 5, refresh)
    assert len(own) == 32
    assert own == fingerprint(RING, 5, refresh)
    others = [
        fingerprint(RING, 6, refresh),
        fingerprint(RING, 5, Refresh(8, 1, refresh.secret, refresh.key_id)),
        fingerprint(RING, 5, Refresh(7, 2, refresh.secret, refresh.key_id)),
        fingerprint(RING, 5, Refresh(7, 1, bytes(32), refresh.key_id)),
        fingerprint(RING, 5, Refresh(7, 1, refresh.secret, RING.keys[1].id)),
        fingerprint(RING, 7, Refresh(5, 1, refresh.secret, refresh.key_id)),
    ]
    assert own not in others
    assert len(set(others)) == len(others)


def test_the_fingerprint_does_not_stand_in_the_token() -> None:
    text = make_refresh(RING, 7, 1)
    raw = base64.urlsafe_b64decode(text[4:] + "=" * (-len(text[4:]) % 4))
    assert fingerprint(RING, 5, read_refresh(RING, text)) not in raw


def test_a_session_is_sealed_for_exactly_these_facts() -> None:
    seal = seal_session(RING, 7, 8, 9)
    assert is_session_seal(RING, seal, 7, 8, 9)
    for facts in ((7, 8, 10), (8, 7, 9), (7, 8), (7, 8, 9, 0), (7, 8, -9), (7, 8, 2**64), ()):
        assert not is_session_seal(RING, seal, *facts)


@given(st.binary(max_size=80))
def test_nothing_else_is_a_seal(seal: bytes) -> None:
    assert not is_session_seal(RING, seal, 7, 8, 9)


def test_a_seal_that_was_touched_is_none() -> None:
    seal = seal_session(RING, 7, 8, 9)
    for place in range(len(seal)):
        assert not is_session_seal(RING, seal[:place] + bytes((seal[place] ^ 1,)) + seal[place + 1 :], 7, 8, 9)
    assert not is_session_seal(RING, seal + b"\0", 7, 8, 9)
    assert not is_session_seal(RING, seal[:-1], 7, 8, 9)


def test_a_seal_outlives_its_key_ring_rotation_and_ends_with_its_key() -> None:
    seal = seal_session(RING, 7, 8, 9)
    assert is_session_seal(Ring((make_key(), RING.current)), seal, 7, 8, 9)
    assert not is_session_seal(Ring((make_key(),)), seal, 7, 8, 9)


def test_a_token_that_sets_a_password_is_known_by_a_fingerprint_of_its_own_kind() -> None:
    own = reset_fingerprint(RING, "pr1_7.9.x")
    assert len(own) == 32
    assert own == reset_fingerprint(RING, "pr1_7.9.x")
    others = {reset_fingerprint(RING, "pr1_7.9.y"), ticket_fingerprint(RING, "pr1_7.9.x")}
    assert own not in others | {reset_fingerprint(Ring((make_key(),)), "pr1_7.9.x")}
    assert reset_fingerprint(RING, "\ud800") is not None
