"""Where a request comes from: the client's address behind trusted proxies, our own origin, who else may embed us."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tornado.httputil import HTTPServerRequest

from actions.ceremonies import Site

IPV4_PREFIX = 24
IPV6_PREFIX = 48
IPV6_LIMIT_PREFIX = 64
LONGEST_ADDRESS = 45  # as text (RFC 4291 §2.2)
# `[IPv6]`, with a port or without; an IPv4 address with a port; anything else is an address, or none.
HOP = re.compile(r"\[([^\[\]]+)\](?::\d{1,5})?|([\d.]+):\d{1,5}|([^\[\]]+)", re.ASCII)
MOST_REMEMBERED = 1024

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Origins:
    """Whom this server believes: proxies, other web origins, host names (none given: any)."""

    trusted_proxies: tuple[Network, ...] = ()
    allowed_origins: frozenset[str] = frozenset()
    allowed_hosts: frozenset[str] = frozenset()
    # This server as people type it, where a proxy that tells no scheme stands before it.
    public: str = ""

    def address(self, request: HTTPServerRequest) -> Address:
        """The client's address: the nearest one in `X-Forwarded-For` that is not a proxy we trust."""
        peer = _parse(request.remote_ip or "") or ipaddress.IPv4Address(0)
        hops = [part.strip() for part in ",".join(request.headers.get_list("X-Forwarded-For")).split(",")]
        while self._is_trusted(peer) and hops:
            nearer = _parse(hops.pop())
            if nearer is None:
                break
            peer = nearer
        return peer

    def scheme(self, request: HTTPServerRequest) -> str:
        """`http` or `https`, as the client sees it: as a trusted proxy tells, else as `public` says of this host."""
        told = request.headers.get("X-Forwarded-Proto", "")
        peer = _parse(request.remote_ip or "")
        if told in ("http", "https") and peer is not None and self._is_trusted(peer):
            return told
        scheme, _, host = self.public.partition("://")
        return scheme if host and host == request.host.lower() else request.protocol

    def host_is_ours(self, request: HTTPServerRequest) -> bool:
        """Whether the `Host` is one we answer to; a rebound name (DNS rebinding) is not."""
        return not self.allowed_hosts or _without_port(request.host.lower()) in self.allowed_hosts

    def may_come_from(self, request: HTTPServerRequest) -> bool:
        """Whether a browser's page of this `Origin` may use us; programs send none."""
        given = request.headers.get_list("Origin")
        if not given:
            return True
        return len(given) == 1 and (given[0] in self.allowed_origins or self.is_own(request, given[0]))

    def may_fetch(self, request: HTTPServerRequest) -> bool:
        """Whether a browser asks for one of our own pages, or for one of an allowed origin (Fetch Metadata)."""
        if request.headers.get("Origin") in self.allowed_origins:
            return True
        return request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")

    def is_own(self, request: HTTPServerRequest, origin: str) -> bool:
        """Whether `origin` is this server as the client addressed it: scheme, host and port."""
        return origin.lower() in (self.public or None, f"{self.scheme(request)}://{request.host.lower()}")

    def site(self, request: HTTPServerRequest) -> Site | None:
        """What passkeys are for (WebAuthn §5.1.3): `public_url`, or else the host, when it is known to be ours.

        An unknown name could be anybody's that leads here; `localhost` is this machine itself.
        """
        host = request.host.lower()
        origin = self.public or f"{self.scheme(request)}://{host}"
        name = _without_port(origin.partition("://")[2])
        known = self.public or self.allowed_hosts or name == "localhost" or name.endswith(".localhost")
        return Site(name, origin) if known and _parse(name) is None else None

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self.trusted_proxies)


@lru_cache(MOST_REMEMBERED)
def network_of(address: Address, *, ipv4: int = IPV4_PREFIX, ipv6: int = IPV6_PREFIX) -> str:
    """The address cut to its network: what may be kept of it."""
    return str(ipaddress.ip_network((address, ipv4 if address.version == 4 else ipv6), strict=False))


def limit_key(address: Address) -> str:
    """What limits count by: an IPv4 address, the /64 of an IPv6 one."""
    return network_of(address, ipv4=32, ipv6=IPV6_LIMIT_PREFIX)


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks in CIDR notation; `ValueError` for anything else."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def _parse(text: str) -> Address | None:
    """An address as peers and proxies write it: with brackets, a zone or a port, or without."""
    found = HOP.fullmatch(text)
    bare = (found[1] or found[2] or found[3]).partition("%")[0] if found else ""
    return _address(bare) if len(bare) <= LONGEST_ADDRESS else None


@lru_cache(MOST_REMEMBERED)
def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _without_port(host: str) -> str:
    return host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
