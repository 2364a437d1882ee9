"""Who carries pushes out: an HTTPS client that goes to public addresses only, and is led nowhere else.

A name is looked up when it is used, every address that it has is checked, and the connection goes to one of these very
addresses: nobody can answer twice, once for the check and once for the connection. Certificates are checked against the
name. Redirects are not followed, no proxy of the environment is asked, answers are cut off.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.netutil import Resolver
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from actions.push_policy import PORT, Barred, refuse_private
from actions.push_queue import MOST_FLYING, Reply, Unreachable

CONNECT_SECONDS = 5.0
REQUEST_SECONDS = 10.0
MOST_BODY_BYTES = 65_536
MOST_HEAD_BYTES = 16_384
LOOKUP_THREADS = 4

# What the system's resolver says of a name: (family, address to connect to) for each of its addresses.
Address = tuple[int, Any]
LookUp = Callable[[str, int], Sequence[Address]]


def look_up(host: str, port: int) -> list[Address]:
    """Ask the system's resolver; blocks."""
    return [(family, place) for family, _, _, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class PublicOnly(Resolver):
    """Tornado's resolver, which a connection asks once: gives addresses that were checked, all of them or none."""

    def initialize(self, asking: LookUp) -> None:
        """Tornado's constructor."""
        self._ask = asking
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="recado-push")

    async def resolve(self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[Address]:
        """The addresses of a name; `Barred` when one of them is not public."""
        if port != PORT:
            raise Barred("another port")
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, host, port)
        refuse_private(place[0] for _, place in found)
        return [(kind, place) for kind, place in found if family in (socket.AF_UNSPEC, kind)]

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class PushClient:
    """A courier (actions/push_queue.py)."""

    def __init__(self, asking: LookUp = look_up, *, authorities: str | None = None) -> None:
        self._resolver = PublicOnly(asking)
        self._authorities = authorities
        self._client = SimpleAsyncHTTPClient(
            force_instance=True,
            max_clients=MOST_FLYING,
            resolver=self._resolver,
            max_body_size=MOST_BODY_BYTES,
            max_buffer_size=MOST_BODY_BYTES + MOST_HEAD_BYTES,
            max_header_size=MOST_HEAD_BYTES,
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Send it once; `Unreachable` when there is no answer, `Barred` when there must not be one."""
        request = HTTPRequest(
            url,
            method="POST",
            headers=dict(headers),
            body=body,
            connect_timeout=CONNECT_SECONDS,
            request_timeout=REQUEST_SECONDS,
            follow_redirects=False,
            decompress_response=False,
            validate_cert=True,
            ca_certs=self._authorities,
        )
        try:
            answer = await self._client.fetch(request, raise_error=False)
        except Barred:
            raise
        except Exception as failure:  # noqa: BLE001 - whatever a stranger makes of the parser, it is no answer
            raise Unreachable(_reason(failure)) from None
        return Reply(answer.code, answer.headers.get("Retry-After", ""))

    def close(self) -> None:
        """End what is under way; nothing can be sent any more."""
        self._client.close()
        self._resolver.close()


def _reason(failure: Exception) -> str:
    """The kind of a failure: its text may hold an address or an endpoint."""
    if isinstance(failure, ssl.SSLError):
        return f"TLS: {failure.reason or type(failure).__name__}"
    if isinstance(failure, socket.gaierror):
        return "the name is not known"
    return type(failure).__name__
