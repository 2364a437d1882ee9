"""Web Push from the other side: browsers that read what they are sent, couriers, a push service with TLS."""

import asyncio
import base64
import json
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import http_ece
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.tcpclient import TCPClient
from tornado.web import Application, RequestHandler

from actions import push
from actions.app import App, Caller
from actions.push import Wanted
from actions.push_queue import Reply
from crypto.webpush import Subscription
from wiring.push_client import PushClient

MOZILLA = "https://updates.push.services.mozilla.com/wpush/v2/"
HOST = "push.example"
# Nobody listens there for us: what is sent to it arrives at the test's own push service.
PUBLIC = "93.184.216.34"


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Browser:
    """One that has subscribed: its key pair, its secret, and where it is reached."""

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = endpoint or MOZILLA + secrets.token_urlsafe(16)
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.auth = secrets.token_bytes(16)
        point = serialization.PublicFormat.UncompressedPoint
        self.p256dh = self.private.public_key().public_bytes(serialization.Encoding.X962, point)

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.endpoint, text(self.p256dh), text(self.auth))

    @property
    def subscription(self) -> Subscription:
        return Subscription(self.endpoint, self.p256dh, self.auth)

    @property
    def body(self) -> dict[str, Any]:
        """What its script sends: `PushSubscription.toJSON()`."""
        keys = {"p256dh": text(self.p256dh), "auth": text(self.auth)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys}

    def read(self, body: bytes) -> Any:
        """What a push says, as the judge of RFC 8291 decrypts it."""
        return json.loads(http_ece.decrypt(body, private_key=self.private, auth_secret=self.auth, version="aes128gcm"))


@dataclass
class Post:
    """One push, as a push service gets it."""

    url: str
    headers: Mapping[str, str]
    body: bytes


def vapid(post: Post) -> tuple[dict[str, Any], str]:
    """The claims of its VAPID header, whose signature fits the key beside it; and that key."""
    scheme, _, parts = post.headers["Authorization"].partition(" ")
    assert scheme == "vapid"
    values = dict(part.strip().split("=", 1) for part in parts.split(","))
    point = base64.urlsafe_b64decode(values["k"] + "=" * (-len(values["k"]) % 4))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    audience = "/".join(post.url.split("/")[:3])
    claims = jwt.decode(values["t"], key, algorithms=["ES256"], audience=audience, options={"verify_exp": False})
    return claims, values["k"]


@dataclass
class Noting:
    """A courier that notes, and answers as it is told: by a reply, by a failure, or when a test lets it."""

    answer: Callable[[Post], Reply | Exception] = lambda post: Reply(201)
    posts: list[Post] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    def __post_init__(self) -> None:
        self.gate.set()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        noted = Post(url, headers, body)
        self.posts.append(noted)
        self.came.set()
        await self.gate.wait()
        answer = self.answer(noted)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True

    async def until(self, count: int) -> None:
        """Wait until there are so many."""
        while len(self.posts) < count:
            self.came.clear()
            await self.came.wait()

    def of(self, browser: Browser) -> list[Any]:
        """What this browser was told."""
        return [browser.read(post.body) for post in self.posts if post.url == browser.endpoint]


async def subscribed(app: App, caller: Caller, endpoint: str | None = None) -> Browser:
    """A browser of the caller's session that has subscribed."""
    browser = Browser(endpoint)
    await push.subscribe(app, caller, browser.wanted)
    return browser


def make_certificate(place: Path, *names: str) -> tuple[Path, Path]:
    """A certificate for these names, which is its own authority, and its key: as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = place / "push.pem", place / "push.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


class Service:
    """A push service on a port of this machine, with TLS; what it answers is a function."""

    def __init__(self, certificate: Path, private: Path) -> None:
        self.posts: list[Post] = []
        self.answer: Callable[[RequestHandler], None] = lambda handler: handler.set_status(201)
        self.gate = asyncio.Event()
        self.gate.set()
        self.came = asyncio.Event()
        service = self

        class Handler(RequestHandler):
            async def post(self) -> None:
                request: HTTPServerRequest = self.request
                url = f"https://{request.host}{request.uri}"
                service.posts.append(Post(url, dict(request.headers.get_all()), request.body))
                service.came.set()
                await service.gate.wait()
                service.answer(self)

            get = head = put = post

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, private)
        self.server = HTTPServer(Application([(r"/.*", Handler)], log_function=lambda _: None), ssl_options=context)
        sockets = bind_sockets(0, "127.0.0.1")
        self.server.add_sockets(sockets)
        self.port = sockets[0].getsockname()[1]

    async def until(self, count: int) -> list[Post]:
        """The pushes that came, when there are so many."""
        while len(self.posts) < count:
            self.came.clear()
            await self.came.wait()
        return self.posts


class Led(TCPClient):
    """Brings connections to the test's own service, whatever public address they are for; notes that address."""

    def __init__(self, resolver: Any, port: int) -> None:
        super().__init__(resolver)
        self.dialled: list[str] = []
        self._port = port

    def _create_stream(self, max_buffer_size: Any, af: Any, addr: Any, *args: Any, **kwargs: Any) -> Any:
        self.dialled.append(addr[0])
        return super()._create_stream(max_buffer_size, socket.AF_INET, ("127.0.0.1", self._port), *args, **kwargs)


def asking_for(*addresses: str) -> Callable[[str, int], list[tuple[int, Any]]]:
    """A resolver that knows these addresses for any name."""

    def ask(host: str, port: int) -> list[tuple[int, Any]]:
        return [
            (socket.AF_INET6, (each, port, 0, 0)) if ":" in each else (socket.AF_INET, (each, port))
            for each in addresses
        ]

    return ask


@asynccontextmanager
async def push_service(place: Path, *names: str) -> AsyncIterator[Service]:
    service = Service(*make_certificate(place, *(names or (HOST,))))
    try:
        yield service
    finally:
        service.gate.set()
        service.server.stop()
        await service.server.close_all_connections()


@asynccontextmanager
async def client_of(service: Service, place: Path, asking: Any = None) -> AsyncIterator[tuple[PushClient, Led]]:
    """The real client, policy and all; only the last step of a connection is led to the service."""
    client = PushClient(asking or asking_for(PUBLIC), authorities=str(place / "push.pem"))
    led = Led(client._resolver, service.port)
    client._client.tcp_client = led
    try:
        yield client, led
    finally:
        client.close()
