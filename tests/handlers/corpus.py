"""Bad input, made from the table of operations: texts that are no JSON, values of the wrong type, bad queries."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from handlers.routes import OPERATIONS

ALL = {f"{operation.method} {operation.path}": operation for operation in OPERATIONS}
WITH_BODY = {name: operation for name, operation in ALL.items() if operation.body is not None}
# New operations without a body refuse one; those of the first system never looked at it.
REFUSING_BODY = {name: operation for name, operation in ALL.items() if operation.body is None and not operation.lenient}

# What no authenticator has made.
ATTESTATION = {
    "id": "AAAA",
    "rawId": "AAAA",
    "type": "public-key",
    "response": {"clientDataJSON": "e30", "attestationObject": "oA"},
}
ASSERTION = {
    "id": "AAAA",
    "rawId": "AAAA",
    "type": "public-key",
    "response": {"clientDataJSON": "e30", "authenticatorData": "AAAA", "signature": "AAAA"},
}

# RFC 8291 §5.
PUSH_KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}

# A body that each operation would take, and the text field of it that is spoilt.
GOOD: dict[str, dict[str, Any]] = {
    "POST /api/auth/register/": {"username": "somebody.new", "password": "correct horse battery"},
    "POST /api/auth/login/": {"username": "nobody", "password": "correct horse battery"},
    "POST /api/auth/refresh/": {"refresh": "rt1_none"},
    "POST /api/auth/step-up/": {"password": "correct horse batterx"},
    "POST /api/auth/password/": {"current": "correct horse batterx", "new": "another horse, another battery"},
    "POST /api/auth/password/reset/": {"token": "pr1_none", "new": "another horse, another battery"},
    "POST /api/auth/login/second-factor/": {"mfa_token": "mfa1_none", "otp": "123456"},
    "POST /api/auth/totp/confirm/": {"otp": "123456"},
    "DELETE /api/auth/totp/": {"password": "correct horse batterx"},
    "POST /api/auth/recovery-codes/": {"password": "correct horse batterx"},
    "POST /api/auth/passkeys/": {"name": "a phone", "credential": ATTESTATION},
    "PATCH /api/auth/passkeys/{passkey_id}/": {"name": "a phone"},
    "POST /api/auth/login/passkey/options/": {"username": "nobody"},
    "POST /api/auth/login/passkey/": {"device": "a phone", "credential": ASSERTION},
    "POST /api/auth/passkeys/step-up/": {"credential": ASSERTION},
    "DELETE /api/auth/account/": {"password": "correct horse batterx"},
    "POST /api/auth/send/": {"recipient": "nobody", "content": "hi"},
    "PATCH /api/messages/{message_id}/": {"content": "hi"},
    "PATCH /api/users/me/": {"display_name": "Somebody New"},
    "POST /api/conversations/{username}/read/": {"up_to": 1},
    "PATCH /api/conversations/{username}/": {"ttl_seconds": 86_400},
    "POST /api/push/subscriptions/": {"endpoint": "https://push.invalid.notify.windows.com/w/", "keys": PUSH_KEYS},
}
# Whoever changes nothing is told how it stands.
ALL_MAY_BE_LEFT_OUT = {"PATCH /api/users/me/", "POST /api/auth/login/passkey/options/"}
# What a query must say; all other parameters may be left out.
NEEDED_QUERY: dict[str, dict[str, str]] = {"GET /api/events/": {"after": "0"}}
VALUES: tuple[Any, ...] = (None, True, 0, -1, 1.5, 2**53 - 1, "text", "1", "", [], ["a"], {}, {"a": 1})

NUMBER = "9" * 5000
DEPTH = 100_000
# Not JSON as this server takes it, whatever the field: §1.5.3 of the security requirements. `@` stands for a field's
# name, `~` for all other fields of a good body.
SPOILT: dict[str, bytes] = {
    "nothing": b"",
    "a blank": b" ",
    "cut short": b'{"@": "x',
    "no value": b'{"@": }',
    "single quotes": b"{'@': 'x'}",
    "a comma too many": b'{"@": "x",}',
    "a comment": b'{"@": "x"} // hi',
    "two values": b'{"@": "x"} {}',
    "twice the same": b'{~, "@": "x", "@": "x"}',
    "NaN": b'{~, "@": NaN}',
    "Infinity": b'{~, "@": Infinity}',
    "-Infinity": b'{~, "@": -Infinity}',
    "1e400": b'{~, "@": 1e400}',
    "-1e400": b'{~, "@": -1e400}',
    "5000 digits": b'{~, "@": ' + NUMBER.encode() + b"}",
    "minus 5000 digits": b'{~, "@": -' + NUMBER.encode() + b"}",
    "2^53": b'{~, "@": 9007199254740992}',
    "2^63": b'{~, "@": 9223372036854775808}',
    "half a surrogate pair": b'{~, "@": "\\ud800"}',
    "the other half": b'{~, "@": "\\udc00x"}',
    "half a pair in a name": b'{~, "\\ud800": "x"}',
    "NUL": b'{~, "@": "a\\u0000b"}',
    "NUL in a name": b'{~, "a\\u0000": 1}',
    "a raw NUL": b'{~, "@": "a\0b"}',
    "a raw line break": b'{~, "@": "a\nb"}',
    "deep lists": b'{~, "@": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "deep objects": b'{~, "@": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
    "deep and open": b"[" * DEPTH,
    "an escape that is none": b'{~, "@": "\\x41"}',
    "a number": b"1",
    "a string": b'"@"',
    "null": b"null",
    "true": b"true",
    "a list": b'[{"@": "x"}]',
    "a BOM": b'\xef\xbb\xbf{~, "@": "x"}',
}
# What is not UTF-8: a socket's text frame cannot hold it at all (RFC 6455 §8.1 ends the connection).
NOT_UTF8: dict[str, bytes] = {
    "a raw surrogate": b'{~, "@": "\xed\xa0\x80"}',
    "a raw pair of surrogates": b'{~, "@": "\xed\xa0\xbd\xed\xb8\x80"}',
    "Latin-1": b'{~, "@": "caf\xe9"}',
    "an overlong slash": b'{~, "@": "\xc0\xaf"}',
    "UTF-16 with a mark": '{"@": "x"}'.encode("utf-16"),
    "UTF-32": '{"@": "x"}'.encode("utf-32"),
    "form fields in Latin-1": b"@=\xff",
}
# Valid UTF-8 that is no JSON.
OTHER_FORMATS: dict[str, bytes] = {
    "a form": b"@=x&b=y",
    "UTF-16 without a mark": '{"@": "x"}'.encode("utf-16-le"),
    "multipart": b'--b\r\nContent-Disposition: form-data; name="@"\r\n\r\nx\r\n--b--\r\n',
    "XML": b"<@>x</@>",
}


def path_of(name: str, *, username: str = "nobody", message_id: str = "1") -> str:
    """The path of an operation with its parameters filled in."""
    path = ALL[name].path.replace("{username}", username).replace("{message_id}", message_id)
    return path.replace("{session_id}", "1").replace("{passkey_id}", "1")


def target_of(name: str, extra: str = "", **values: str) -> str:
    """The path with what its query must say, `values` instead or as well, and `extra` as it is."""
    query = NEEDED_QUERY.get(name, {}) | values
    text = "&".join([*(f"{key}={value}" for key, value in query.items()), *([extra] if extra else [])])
    return path_of(name) + (f"?{text}" if text else "")


def spoilt(text: bytes, good: dict[str, Any], field: str) -> bytes:
    """The text for this field, the other fields of a good body around it."""
    others = json.dumps({name: value for name, value in good.items() if name != field})[1:-1] or '"_": 1'
    return text.replace(b"~", others.encode()).replace(b"@", field.encode())


def wrong_values(good: dict[str, Any], shape: type[msgspec.Struct]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Good bodies with one value that is not of its field's type, and the field."""
    for field in msgspec.structs.fields(shape):
        for value in VALUES:
            try:
                msgspec.convert(value, field.type, strict=True)
            except msgspec.ValidationError:
                yield field.encode_name, {**good, field.encode_name: value}


def missing_fields(good: dict[str, Any], shape: type[msgspec.Struct]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Good bodies without one field that must be there, and the field."""
    for field in msgspec.structs.fields(shape):
        if field.required:
            yield field.encode_name, {name: value for name, value in good.items() if name != field.encode_name}


# For every operation: nobody may send such a query.
BAD_QUERIES: dict[str, str] = {
    "a lone percent": "a=%",
    "half an escape": "a=%4",
    "no hexadecimal": "a=%zz",
    "no hexadecimal in a name": "%g0=1",
    "not UTF-8": "a=%ff",
    "a surrogate": "a=%ed%a0%80",
    "an overlong slash": "a=%c0%af",
    "NUL": "a=%00",
    "NUL in a name": "%00=a",
    "twice": "a=1&a=1",
    "twice, escaped": "a=1&%61=2",
    "too many": "&".join(f"a{number}=1" for number in range(100)),
}
BAD_NUMBERS = (
    *("-1", "1e400", "-1e400", "true", "null", "", "%20", "%221%22", "1%2C000", "0x10", "1_0", "%2B1", "NaN", "[]"),
    *("9007199254740992", "9223372036854775808", "18446744073709551616", NUMBER, "%D9%A1", "1;2", "1%27", "1.5"),
)
