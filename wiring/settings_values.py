"""What one value of the settings may be: checks that raise ValueError with the words "must be …".

A check returns the value in its one form. No error repeats the value: it may hold a password.
"""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from actions.push_policy import is_name

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?", re.ASCII)
_USUAL_PORTS = {"http": 80, "https": 443}
_PLACEHOLDERS = re.compile(r"(change|replace)[-_]?(me|this)|your[-_]?password|<.*>|\$\{.*", re.IGNORECASE)
_POSTGRESQL_OPTIONS = frozenset(
    {
        "application_name", "channel_binding", "connect_timeout", "gssencmode", "host", "keepalives",
        "keepalives_count", "keepalives_idle", "keepalives_interval", "options", "sslcert", "sslcrl",
        "sslkey", "sslmode", "sslrootcert", "target_session_attrs", "tcp_user_timeout",
    }
)  # fmt: skip
_REDIS_OPTIONS = frozenset({"db", "protocol", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"})


class SettingsError(Exception):
    """The settings cannot be used; `faults` has one line for each reason."""

    def __init__(self, *faults: str) -> None:
        lines = ("".join(mark if mark.isprintable() else "?" for mark in fault) for fault in faults)
        self.faults: tuple[str, ...] = tuple(lines)
        super().__init__("\n".join(self.faults))


def within(low: int, high: int) -> Callable[[int], int]:
    """A check: from `low` to `high`, both included."""

    def check(number: int) -> int:
        if not low <= number <= high:
            raise ValueError(f"must be from {low} to {high}")
        return number

    return check


def matching(pattern: str, wanted: str) -> Callable[[str], str]:
    """A check: the whole text matches; `wanted` tells a person what does."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(f"must be {wanted}")
        return text

    return check


def host(text: str) -> str:
    """The name or the address of a host."""
    if not _is_host(text):
        raise ValueError("must be the name or the address of a host")
    return text


def path(text: str) -> str:
    """A path, relative or not."""
    if not text.isprintable():
        raise ValueError("must be a path")
    return text


def hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    """Hosts as in the header Host: a name or an address, with its port where that is not the usual one."""
    for name in names:
        try:
            parts = urlsplit(f"//{name}")
            good = parts.netloc == name and "@" not in name and _is_host(parts.hostname or "") and parts.port != 0
        except ValueError:
            good = False
        if not good:
            raise ValueError("must be hosts, each with its port where that is not the usual one; no wildcard")
    return tuple(name.lower() for name in names)


def origin(text: str) -> str:
    """One origin: scheme, host, and the port where it is not the usual one."""
    parts = _split(text)
    if parts.scheme not in _USUAL_PORTS or not _is_host(parts.hostname or "") or "@" in text:
        raise ValueError("must be as https://chat.example, with the port where it is not the usual one")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must end with the host or the port")
    place = parts.netloc.lower()
    if parts.port == _USUAL_PORTS[parts.scheme]:
        place = place.rpartition(":")[0]
    return f"{parts.scheme}://{place}"


def origins(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Origins, each named in full."""
    if any("*" in text for text in texts):
        raise ValueError("names each origin: with * any page could speak for whoever is signed in")
    return tuple(origin(text) for text in texts)


def contact(text: str) -> str:
    """Where people can write to: a URI of mail, telephone or web (RFC 9116 §2.5.3)."""
    if not re.fullmatch(r"mailto:[^\s@:]+@[^\s@]+|tel:\+?[0-9.()-]+|https://[^\s/@]+(/\S*)?", text, re.ASCII):
        raise ValueError("must be as mailto:security@chat.example, https://chat.example/security or tel:+1-555-0100")
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be written in ASCII, as a URI is")
    return text


def push_contact(text: str) -> str:
    """Whom a push service can write to (RFC 8292 §2.1)."""
    if contact(text).startswith("tel:"):
        raise ValueError("must be as mailto:admin@chat.example or https://chat.example/contact")
    return text


def push_hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of public hosts; with a full stop before one, any name below it."""
    if not all(is_name(name.removeprefix(".")) for name in names):
        raise ValueError("must be names of public hosts in small letters, without a port; no address, no wildcard")
    return names


def networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Networks or addresses, none so large that it means everybody."""
    for text in texts:
        try:
            network = ip_network(text)
        except ValueError:
            raise ValueError("must be networks as 10.0.0.0/8 or fd00::/8, or single addresses") from None
        if network.prefixlen < 8:
            raise ValueError("trusts half the Internet: anybody could claim any address")
    return texts


def database(text: str) -> str:
    """The URL of a SQLite file or of a PostgreSQL database."""
    parts = _split(text)
    if parts.scheme == "sqlite":
        return _sqlite(text, parts)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with sqlite:/// or postgresql://")
    _refuse_parts(parts, _POSTGRESQL_OPTIONS)
    if not parts.hostname and "host" not in dict(parse_qsl(parts.query)):
        raise ValueError("names no host")
    if not parts.path[1:] or "/" in parts.path[1:]:
        raise ValueError("must end with the name of one database; special characters are written as %2F")
    return f"postgresql:{text.partition(':')[2]}"


def _sqlite(text: str, parts: SplitResult) -> str:
    file = unquote(parts.path[1:])
    if not text.startswith("sqlite:///") or parts.query or parts.fragment or not file.strip("/"):
        raise ValueError("must be sqlite:///relative/path or sqlite:////absolute/path and no more")
    if ":memory:" in file:
        raise ValueError("keeps messages in memory only: name a file")
    return text


def redis(text: str) -> str:
    """The URL of a Redis."""
    parts = _split(text)
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise ValueError("names no socket: unix:///run/redis.sock")
    elif parts.scheme not in ("redis", "rediss"):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    elif not re.fullmatch(r"/?(\d{1,5})?", parts.path, re.ASCII):
        raise ValueError("must end with the number of a database, or with the host")
    elif not parts.hostname:
        raise ValueError("names no host")
    _refuse_parts(parts, _REDIS_OPTIONS)
    return text


def _split(text: str) -> SplitResult:
    # urlsplit repeats in its errors what may be a part of a password.
    try:
        parts = urlsplit(text)
        if text.isprintable() and " " not in text and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise ValueError("must be a URL; special characters in a password are written as %40")


def _refuse_parts(parts: SplitResult, options: frozenset[str]) -> None:
    if parts.fragment or "@" in parts.path:
        raise ValueError("has a # or @ too many; special characters in a password are written as %40")
    if any(name not in options for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise ValueError(f"has an option that is none of {', '.join(sorted(options))}")
    if parts.password is not None and _PLACEHOLDERS.fullmatch(unquote(parts.password)):
        raise ValueError("has the password of an example: choose one")


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return _HOST.fullmatch(text) is not None
    return True


def masked(url: str) -> str:
    """The URL as it may be shown: `***` for its password."""
    return re.sub(r"(://[^:/@]*):[^/]*@", r"\1:***@", url)


def meant(word: str, known: Iterable[str]) -> str:
    """The end of a fault that asks whether the nearest of what is known was meant."""
    close = get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""


def from_text(kind: Any, text: str) -> Any:
    """A value of the environment: text for bool, int, str or a tuple of str."""
    text = text.strip()
    if kind is bool:
        if text.lower() not in _WORDS:
            raise ValueError("must be true or false")
        return _WORDS[text.lower()]
    if kind is int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise ValueError("must be a whole number")
        return int(text)
    return text if kind is str else tuple(part.strip() for part in text.split(",") if part.strip())


def from_toml(kind: Any, value: Any) -> Any:
    """A value of the file; it must have the type already."""
    if kind is bool and not isinstance(value, bool):
        raise ValueError("must be true or false, without quotes")
    if kind is int and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError("must be a whole number, without quotes")
    if kind is str and not isinstance(value, str):
        raise ValueError("must be a text in quotes")
    if kind in (bool, int, str):
        return value
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise ValueError('must be a list of texts: ["…", "…"]')
    return tuple(value)
