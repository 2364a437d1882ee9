"""Whom a push may be sent to: endpoints are named by clients, so the server must not be led anywhere by one (SSRF).

Twice: an endpoint must be of a push service that is known by name, when it is given and when it is used; and every
address that this name has at that moment must be one of the public Internet. Pure: nothing is looked up here.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network

# The push services of browsers. What begins with a full stop means any name below it.
HOSTS = (
    "fcm.googleapis.com",  # Chrome and what is made from it
    "updates.push.services.mozilla.com",  # Firefox
    "web.push.apple.com",  # Safari
    ".notify.windows.com",  # Edge
)
MOST_ENDPOINT = 2048
PORT = 443

# Names that are never of the public Internet (RFC 6761, RFC 6762, RFC 8375, RFC 9476, and by custom).
PRIVATE_ENDINGS = (".local", ".localhost", ".internal", ".intranet", ".lan", ".home", ".corp", ".arpa", ".alt")

# Strict, in one form: lower case, a name with a full stop in it, no user, no other port, no fragment, no odd slash.
_ENDPOINT = re.compile(r"https://([a-z0-9.-]{1,253})(:443)?(/[!-\[\]-~]*)?", re.ASCII)
_NAME = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
# Of all IPv6 only this is given out as public (RFC 4291 §2.4): neither mapped nor translated IPv4 is in it.
_PUBLIC_IPV6 = IPv6Network("2000::/3")
# What the registries of special addresses hold beside what every version of `ipaddress` calls not global.
_SPECIAL = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # protocol assignments, Teredo: behind it is any IPv4 address
        "2002::/16",  # 6to4: the same
        "3fff::/20",  # documentation
    )
)


class Barred(Exception):
    """Nothing is sent there. The text is a reason, never the endpoint."""


def host_of(endpoint: str, extra: Iterable[str] = ()) -> str:
    """The host of an endpoint that may be used; `Barred` for any other. `extra`: hosts that the operator trusts."""
    found = _ENDPOINT.fullmatch(endpoint) if len(endpoint) <= MOST_ENDPOINT else None
    if found is None or "#" in endpoint:
        raise Barred("not an https URL of a push service")
    host = found[1]
    # The last label of a name is no number, hexadecimal or not: what ends in one is an address in some spelling.
    if not is_name(host):
        raise Barred("not the name of a public host")
    if not any(host.endswith(known) if known.startswith(".") else host == known for known in (*HOSTS, *extra)):
        raise Barred("not a push service that is known here")
    return host


def is_name(host: str) -> bool:
    """Whether this may be the name of a public host: no address in any spelling, no name of a private network."""
    return _NAME.fullmatch(host) is not None and not f".{host}".endswith(PRIVATE_ENDINGS)


def origin_of(endpoint: str) -> str:
    """The origin of an endpoint that `host_of` has let through, for whom a VAPID token is (RFC 8292 §2)."""
    found = _ENDPOINT.fullmatch(endpoint)
    assert found is not None  # noqa: S101 (host_of was asked first)
    return f"https://{found[1]}"


def refuse_private(addresses: Iterable[str]) -> None:
    """`Barred` unless every address that a name has is public: one that is not shows what the name is for."""
    if not all(is_public(address) for address in addresses):
        raise Barred("the name leads to an address that is not public")


def is_public(text: str) -> bool:
    """Whether this is an address of the public Internet: not private, shared, local, reserved, mapped, many's."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and (address.scope_id or address not in _PUBLIC_IPV6):
        return False
    return address.is_global and not address.is_multicast and not any(address in each for each in _SPECIAL)
