"""Token forgery: algorithm and key confusion, `kid`, `crit`, issuer and audience tricks, padding, size.

PyJWT alone let each of these pass once: a public key as HMAC key (CVE-2022-29217, CVE-2026-48526), mixed families of
keys (CVE-2026-48523), `crit` (CVE-2026-32597), an issuer that is a part of ours (GHSA-75c5-xw7c-p5pm), keys fetched
from where the token says (CVE-2026-48522, CVE-2026-48524), work in proportion to a token's size (CVE-2026-48525).
"""

import base64
import hashlib
import hmac
import json
import socket as network
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from crypto.keyring import parse_ring
from tests.adversary.attacker import V1, Target
from tests.adversary.doors import ACCESS, Door, fits_a_header, renewed
from tests.handlers.raw import Person
from tests.instances import Instance

RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
LONG = "x" * 3000
Parts = dict[str, Any]


def encoded(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def decoded(part: str) -> Parts:
    told: Parts = json.loads(base64.urlsafe_b64decode(part + "=="))
    return told


def signed(head: object, claims: object, key: bytes, digest: str = "sha256") -> str:
    said = f"{encoded(head)}.{encoded(claims)}"
    return f"{said}.{encoded(hmac.digest(key, said.encode(), digest))}"


def changed(parts: Parts, change: Parts) -> Parts:
    """The parts with some changed; None leaves one out."""
    return {name: value for name, value in (parts | change).items() if value is not None}


def keys_of(server: Instance) -> dict[str, bytes]:
    """What the server signs with, by purpose."""
    files = (server.home / "secrets").glob("*.keys")
    return {path.stem: parse_ring(path.read_text()).current.secret for path in files}


def public_forms() -> dict[str, bytes]:
    """A public key as files hold it."""
    public = RSA.public_key()
    forms = {
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "PEM, PKCS 1": public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "curve": CURVE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "JWK": json.dumps(RSAAlgorithm.to_jwk(public, as_dict=True)).encode(),
    }
    return forms | {f"{name}, stripped": text.strip() for name, text in forms.items()}


def without_our_key(head: Parts, claims: Parts, signature: str) -> dict[str, str]:
    """What somebody can make who has seen a token."""
    kid = head["kid"]
    made = {
        f"alg {alg!r}, {what}": f"{encoded(changed(head, {'alg': alg}))}.{encoded(claims)}.{ending}"
        for alg in ("none", "None", "nOnE", "NONE", "", None, "HS384", "RS256", "PS256", "ES256", "EdDSA", ["HS256"])
        for what, ending in (("no signature", ""), ("the old signature", signature))
    }
    guesses = {
        "nothing": b"",
        "zeros": bytes(32),
        "secret": b"secret",
        "its name": kid.encode(),
        "ours": b"recado",
        "a hash of its name": hashlib.sha256(kid.encode()).digest(),
        "the header": encoded(head).encode(),
        **{f"a public key, {form}": key for form, key in public_forms().items()},
    }
    made |= {f"signed with {what}": signed(head, claims, key) for what, key in guesses.items()}
    jwk = {"kty": "oct", "k": encoded(bytes(32))}
    for name, value in {
        "jwk": jwk,
        "jku": "http://127.0.0.1:9/keys.json",
        "x5u": "http://127.0.0.1:9/chain.pem",
        "x5c": [base64.b64encode(public_forms()["DER"]).decode()],
    }.items():
        made[f"its own {name}"] = signed(head | {name: value}, claims, bytes(32))
    for place, key in (("/dev/null", b""), ("../../../../dev/null", b""), ("x' UNION SELECT 'k' --", b"k")):
        made[f"kid {place}"] = signed(head | {"kid": place}, claims, key)
    for odd in (LONG, kid + "\0", f" {kid}", kid.upper() + "x", [kid], {"$ne": ""}, 0, True, None):
        made[f"kid {odd!r:.20}"] = signed(changed(head, {"kid": odd}), claims, bytes(32))
    said = f"{encoded(head | {'alg': 'RS256', 'jwk': RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)})}"
    said = f"{said}.{encoded(claims)}"
    rsa_signer, curve_signer = RSAAlgorithm(RSAAlgorithm.SHA256), ECAlgorithm(ECAlgorithm.SHA256)
    made["RS256, its own key"] = f"{said}.{encoded(rsa_signer.sign(said.encode(), RSA))}"
    said = f"{encoded(head | {'alg': 'ES256'})}.{encoded(claims)}"
    made["ES256, its own key"] = f"{said}.{encoded(curve_signer.sign(said.encode(), CURVE))}"
    return made


def with_our_key(head: Parts, claims: Parts, keys: dict[str, bytes], other: Parts) -> dict[str, str]:
    """What we never sign, signed with our own key: each is refused for what it says."""
    now, key = int(time.time()), keys["access"]
    heads = [{"typ": typ} for typ in (None, "JWT", "jwt", "AT+JWT", "application/at+jwt", "rt+jwt", 1)]
    heads += [{"crit": crit} for crit in (["exp"], [], ["b64"], "exp")]
    heads += [{"b64": False, "crit": ["b64"]}, {"zip": "DEF"}, {"cty": "JWT"}, {"jwk": {}}, {"enc": "A128GCM"}]
    bodies: list[Parts] = [{"iss": iss} for iss in (None, "", "r", "recad", "ecado", "recado.evil", "RECADO", 1)]
    bodies += [{"iss": ["recado"]}, {"iss": "https://recado"}, {"iss": "recado\0"}]
    bodies += [{"aud": aud} for aud in (None, "", "rec", "other", ["recado"], ["other", "recado"], {"recado": 1})]
    bodies += [{"exp": exp} for exp in (None, now - 60, -1, 0, True, str(now + 60), now + 60.5, 10**20, [now + 60])]
    bodies += [{"nbf": nbf} for nbf in (None, now + 60, str(now), float(now))]
    bodies += [{"iat": iat} for iat in (None, now + 60, True)]
    bodies += [{"sub": sub} for sub in (None, other["sub"], int(claims["sub"]), f"0{claims['sub']}", "-1", "", "root")]
    bodies += [{"sub": f"{claims['sub']}{end}"} for end in ("\n", " ", "\0", ".0")]
    bodies += [{"sid": sid} for sid in (None, other["sid"], 0, -1, str(claims["sid"]), claims["sid"] + 0.5)]
    bodies += [{"token_type": kind} for kind in (None, "refresh", "ticket", "mfa")]
    bodies += [{"gen": None}, {"gen": -1}, {"jti": None}, {"jti": LONG}, {"admin": True}, {"scope": "all"}]
    made = {f"header {change}": signed(changed(head, change), claims, key) for change in heads}
    made |= {f"claims {change}"[:60]: signed(head, changed(claims, change), key) for change in bodies}
    for alg in ("HS384", "HS512"):
        made[f"{alg} with our key"] = signed(head | {"alg": alg}, claims, key, HASHES[alg])
    made |= {
        f"our key for {purpose}": signed(head, claims, key) for purpose, key in keys.items() if purpose != "access"
    }
    return made


def spelled_otherwise(token: str) -> dict[str, str]:
    """The same bytes in another spelling: whoever denies tokens by their text would miss them."""
    head, claims, signature = token.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = alphabet[alphabet.index(signature[-1]) ^ 1]  # the last character carries two bits that say nothing
    spaced = encoded(json.dumps(decoded(head), indent=1).encode())
    made = {
        "=": token + "=",
        "==": token + "==",
        "a claim padded": f"{head}.{claims}=.{signature}",
        "other last bits": f"{token[:-1]}{twin}",
        "a dot more": token + ".",
        "a part more": f"{token}.{signature}",
        "a tab": token + "\t",
        "a blank within": token.replace(".", " .", 1),
        "a comma": f"{token},{token}",
        "quoted": f'"{token}"',
        "in percent": token.replace(".", "%2e"),
        "spaced header": f"{spaced}.{claims}.{signature}",
        "five parts": f"{head}.{encoded(b'key')}.{claims}.{claims}.{signature}",
        "JSON": json.dumps({"protected": head, "payload": claims, "signature": signature}),
        "too long": token + LONG,
        "long claims": f"{head}.{claims}{LONG}.{signature}",
    }
    return made | {"base64": token.replace("-", "+").replace("_", "/")} if set(token) & set("-_") else made


def forgeries(target: Target, alice: Person, other: Person) -> dict[str, str]:
    head, claims, signature = alice.token.split(".")
    told, theirs = decoded(claims), decoded(other.token.split(".")[1])
    return {
        **without_our_key(decoded(head), told, signature),
        **with_our_key(decoded(head), told, keys_of(target.server), theirs),
        **spelled_otherwise(alice.token),
    }


@pytest.mark.parametrize("door", ACCESS, ids=lambda door: door.__name__)
def test_a_forged_token_opens_no_door(target: Target, door: Door) -> None:
    alice, other = target.join(), target.join()
    head, claims, _ = alice.token.split(".")
    # What is signed here as the server does it opens: so each refusal below has the one cause that it names.
    assert door(target, signed(decoded(head), decoded(claims), keys_of(target.server)["access"]))
    made = forgeries(target, alice, other)
    assert len(made) > 130
    assert [what for what, token in made.items() if fits_a_header(token) and door(target, token)] == []
    assert door(target, alice.token)


def test_a_forged_token_keeps_no_socket_open(target: Target) -> None:
    alice, other = target.join(), target.join()
    with target.socket(alice.token, [V1]) as opened:
        opened.say({"type": "hello"})
        assert opened.hear()["type"] == "welcome"
        made = forgeries(target, alice, other) | {"of somebody else": other.token, "nothing": ""}
        assert [what for what, token in made.items() if renewed(opened, token)] == []
        assert renewed(opened, alice.token)


def test_no_token_makes_the_server_fetch_a_key(straight: Target) -> None:
    alice = straight.join()
    head, claims, _ = (part if number == 2 else decoded(part) for number, part in enumerate(alice.token.split(".")))
    with network.create_server(("127.0.0.1", 0)) as bait:
        bait.setblocking(False)
        place = f"http://127.0.0.1:{bait.getsockname()[1]}/keys.json"
        for key in (bytes(32), keys_of(straight.server)["access"]):
            for change in ({"jku": place}, {"x5u": place}, {"kid": place}, {"jwk": {"jku": place}}):
                assert not any(door(straight, signed(head | change, claims, key)) for door in ACCESS)
            assert not any(door(straight, signed(head, claims | {"iss": place}, key)) for door in ACCESS)
        with pytest.raises(BlockingIOError):
            bait.accept()


def test_a_token_of_any_size_is_refused_without_being_read(straight: Target) -> None:
    """Signed with our own key and good but for its size: it is not even looked at."""
    alice = straight.join()
    head, claims, _ = alice.token.split(".")
    key = keys_of(straight.server)["access"]
    padded = signed(json.dumps(decoded(head)).encode() + b" " * 1500, decoded(claims), key)
    short = signed(json.dumps(decoded(head)).encode() + b" " * 100, decoded(claims), key)
    assert len(padded) > 2048 > len(short)
    for door in ACCESS:
        assert door(straight, short)
        assert not door(straight, padded)
