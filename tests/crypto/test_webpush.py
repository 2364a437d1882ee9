"""Payloads that only one device can read, and the word of who sent them: the vectors of the RFCs, and a judge."""

import base64
import copy
import pickle

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from crypto import webpush
from crypto.errors import Tampered, UnknownKey
from crypto.keyring import Key, Ring, make_key
from crypto.webpush import Subscription
from tests.pushes import Browser, Post, vapid

ENDPOINT = "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"
# RFC 8291 §5 and appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
DEVICE = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
    "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def rings(count: int = 1) -> Ring:
    return Ring(tuple(make_key() for _ in range(count)))


def test_the_example_of_the_rfc_comes_out_to_the_byte() -> None:
    device = Subscription(ENDPOINT, webpush.read_p256dh(DEVICE), webpush.read_auth(AUTH))
    private = ec.derive_private_key(int.from_bytes(raw(SENDER)), ec.SECP256R1())
    assert webpush.encrypt(device, PLAIN, padded=0, salt=raw(SALT), private=private) == raw(BODY)


def test_a_browser_reads_what_is_sealed_for_it_and_nothing_else_does() -> None:
    browser, other = Browser(), Browser()
    body = webpush.encrypt(browser.subscription, b'{"new":3}')
    assert browser.read(body) == {"new": 3}
    with pytest.raises(http_ece.ECEException):
        other.read(body)


def test_all_payloads_have_one_length_and_no_two_are_alike() -> None:
    browser = Browser()
    bodies = [webpush.encrypt(browser.subscription, b'{"new":%d}' % count) for count in (1, 10, 1000, 1000)]
    assert len({len(body) for body in bodies}) == 1
    assert len(set(bodies)) == len({body[:16] for body in bodies}) == len({body[21:86] for body in bodies}) == 4
    assert len(bodies[0]) <= 4096


@pytest.mark.parametrize(
    "text",
    [
        "",
        DEVICE[:-1],
        DEVICE + "=",
        DEVICE + "AA",
        "!" + DEVICE[1:],
        DEVICE.replace("_", "/", 1),
        base64.urlsafe_b64encode(b"\x04" + bytes(64)).decode().rstrip("="),  # not on the curve
        base64.urlsafe_b64encode(b"\x04" + b"\xff" * 64).decode().rstrip("="),  # not in the field
        base64.urlsafe_b64encode(b"\x02" + raw(DEVICE)[1:33]).decode().rstrip("="),  # compressed
        base64.urlsafe_b64encode(b"\x00").decode().rstrip("="),  # the point at infinity
        "é" * 87,
    ],
)
def test_what_is_no_point_of_the_curve_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        webpush.read_p256dh(text)


@pytest.mark.parametrize("text", ["", AUTH[:-1], AUTH + "A", AUTH + "==", "A" * 20, "A" * 44, "\n" * 22])
def test_what_is_no_secret_of_16_bytes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        webpush.read_auth(text)


def test_a_key_of_the_ring_is_always_the_same_pair_and_two_are_two() -> None:
    one, two = Key("a", make_key().secret), make_key()
    assert webpush.signer(one).public == webpush.signer(Key("b", one.secret)).public != webpush.signer(two).public
    assert len(raw(webpush.signer(one).public)) == webpush.POINT_BYTES
    assert raw(webpush.signer(one).public)[0] == 4


def test_the_vapid_header_says_for_whom_until_when_and_who_can_be_asked() -> None:
    signer = webpush.signer(make_key())
    origin = "https://push.example.net"
    header = signer.header(origin=origin, contact="mailto:admin@chat.example", expires_at=1_800_000_000)
    claims, public = vapid(Post(ENDPOINT, {"Authorization": header}, b""))
    assert claims == {"aud": origin, "exp": 1_800_000_000, "sub": "mailto:admin@chat.example"}
    assert public == signer.public
    assert jwt.get_unverified_header(header.split("t=")[1].split(",")[0])["alg"] == "ES256"
    bare = signer.header(origin=origin, contact="", expires_at=1)
    assert "sub" not in vapid(Post(ENDPOINT, {"Authorization": bare}, b""))[0]


def test_a_subscription_opens_for_its_person_and_session_only() -> None:
    master, subscription = rings(), Browser().subscription
    key_id, sealed = webpush.seal_subscription(master, 7, 70, subscription)
    opened = webpush.open_subscription(master, 7, 70, key_id, sealed)
    assert (opened.endpoint, opened.p256dh, opened.auth) == (
        subscription.endpoint,
        subscription.p256dh,
        subscription.auth,
    )
    for user_id, session_id in ((8, 70), (7, 71), (70, 7)):
        with pytest.raises(Tampered):
            webpush.open_subscription(master, user_id, session_id, key_id, sealed)
    with pytest.raises(UnknownKey):
        webpush.open_subscription(rings(), 7, 70, key_id, sealed)
    for place in (10, len(sealed) // 2, len(sealed) - 5):
        changed = sealed[:place] + (b"A" if sealed[place : place + 1] != b"A" else b"B") + sealed[place + 1 :]
        with pytest.raises(Tampered):
            webpush.open_subscription(master, 7, 70, key_id, changed)


def test_what_seals_another_thing_for_the_same_place_is_no_subscription() -> None:
    from crypto import totp

    master = rings()
    key_id, sealed = totp.seal_seed(master, 7, 70, totp.make_seed())
    with pytest.raises(Tampered):
        webpush.open_subscription(master, 7, 70, key_id, sealed)


def test_an_endpoint_has_a_mark_of_each_key_and_the_current_one_comes_first() -> None:
    two = rings(2)
    marks = webpush.endpoint_marks(two, ENDPOINT)
    assert len(set(marks)) == 2
    assert {len(mark) for mark in marks} == {32}
    assert marks[:1] == webpush.endpoint_marks(Ring(two.keys[:1]), ENDPOINT)
    assert marks != webpush.endpoint_marks(two, ENDPOINT + "x")


def test_neither_a_subscription_nor_a_signer_shows_itself_or_is_copied() -> None:
    browser = Browser()
    for secret in (browser.subscription, webpush.signer(make_key())):
        assert browser.endpoint not in repr(secret)
        for leave in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                leave(secret)
