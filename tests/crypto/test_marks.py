"""Marks of known devices: they name a session, and nobody makes them but us."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import BadToken
from crypto.keyring import Ring, make_key
from crypto.marks import make_mark, read_mark
from crypto.tokens import make_refresh

RING = Ring((make_key(), make_key()))
SESSION = 2**53 - 1


def refused(text: str, ring: Ring = RING) -> str:
    with pytest.raises(BadToken) as caught:
        read_mark(ring, text)
    return str(caught.value)


@given(st.integers(1, 2**53 - 1))
def test_a_mark_names_its_session(session_id: int) -> None:
    assert read_mark(RING, make_mark(RING, session_id)) == session_id


def test_a_mark_is_good_as_long_as_the_key_that_made_it_is_there() -> None:
    old = Ring((RING.keys[1],))
    mark = make_mark(old, SESSION)
    assert read_mark(RING, mark) == SESSION
    assert refused(mark, Ring((RING.keys[0],))) == "unknown key"


def test_no_character_of_a_mark_can_be_changed() -> None:
    mark = make_mark(RING, SESSION)
    for place in range(len(mark)):
        for other in ("A" if mark[place] != "A" else "B", "", "=", "\u00e9"):
            refused(mark[:place] + other + mark[place + 1 :])


@pytest.mark.parametrize("text", ["", "dm1_", "dm1_AAAA", "dm1_" + "A" * 200, "x" * 10_000, "dm1_\0", "dm2_AAAA"])
def test_what_is_no_mark_is_refused(text: str) -> None:
    assert refused(text) in ("not a mark", "malformed", "unknown key")


def test_a_mark_with_more_behind_it_is_another_text() -> None:
    mark = make_mark(RING, SESSION)
    raw = base64.urlsafe_b64decode(mark.removeprefix("dm1_") + "==")
    longer = base64.urlsafe_b64encode(raw + b"x").rstrip(b"=").decode()
    assert refused("dm1_" + longer) == "not made by us"


def test_a_refresh_token_is_no_mark_and_holds_none() -> None:
    refresh = make_refresh(RING, SESSION, 1)
    refused(refresh)
    refused("dm1_" + refresh.removeprefix("rt1_"))
