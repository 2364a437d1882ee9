"""The chat page, the page for developers, and their files: a strict policy, and a nonce for each answer.

The chat page and the files are built beforehand and read once; the page for developers is made from the code.
"""

import asyncio
import gzip
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handlers.base import Base, Doorway
from handlers.problems import DoorError

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:;"
    " connect-src 'self' {socket}; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none';"
    " object-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types recado-worker"
)
# Of a page without any script, which connects to nothing.
QUIET_POLICY = (
    "default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self'; form-action 'none'; base-uri 'none';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
# Of the page's service worker, which may ask this server, and load no further script.
WORKER_POLICY = (
    "default-src 'none'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
# What a page of ours never asks for, and so nothing that got into it may either.
FEATURES = (
    "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer", "microphone",
    "midi", "payment", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
NO_FEATURES = ", ".join(f"{feature}=()" for feature in FEATURES)
NONCE = "__NONCE__"
HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")
NO_WEIGHT = re.compile(r"q=0(\.0{0,3})?")
FOREVER = "public, max-age=31536000, immutable"
# Files whose names stay, with the policy of each: they are looked at anew each time.
STANDING: dict[str, str | None] = {"sw.js": WORKER_POLICY, "manifest.webmanifest": None}
# What is served, and as what. The system's table of types is not asked: it differs from machine to machine.
SERVED = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ico": "image/vnd.microsoft.icon",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json; charset=utf-8",
}


COMPRESSED = frozenset({".js", ".css", ".svg", ".webmanifest"})


@dataclass(frozen=True, slots=True)
class Files:
    """The page's HTML, with a mark where the nonce belongs, and its files by name: hashed ones, and `STANDING` ones."""

    html: str
    assets: dict[str, bytes]
    standing: dict[str, bytes] = field(default_factory=dict)
    packed: dict[str, bytes] = field(default_factory=dict)

    async def compressed(self, name: str, content: bytes) -> bytes:
        """The file by gzip: made when it is first asked for, beside the loop, and kept."""
        if name not in self.packed:
            self.packed[name] = await asyncio.to_thread(gzip.compress, content, 9, mtime=0)
        return self.packed[name]

    def address(self, name: str) -> str:
        """Where the file is whose name was `name`, before the build has put its hash into it."""
        start, dot, end = name.rpartition(".")
        built = (known for known in self.assets if known.startswith(f"{start}.") and known.endswith(f"{dot}{end}"))
        return f"/static/{next(built, name)}"


def read_files(web: Path) -> Files:
    """What the build left in `web`: `index.html`, `static/`, and what stands beside them."""
    static = (path for path in (web / "static").iterdir() if path.suffix in SERVED)
    standing = (web / name for name in STANDING)
    return Files(
        (web / "index.html").read_text(),
        {path.name: path.read_bytes() for path in static},
        {path.name: path.read_bytes() for path in standing if path.exists()},
    )


class Page(Base):
    """The chat page."""

    methods = ("GET", "HEAD")
    policy = POLICY
    files: Files

    def initialize(self, doorway: Doorway, **kwargs: Any) -> None:
        """Tornado's constructor: the `files` of the page."""
        super().initialize(doorway)
        self.files = kwargs["files"]

    async def answer(self, *args: str, **kwargs: str) -> None:
        """The page, with a fresh nonce."""
        nonce = secrets.token_urlsafe(18)
        scheme = "wss" if self.secure_transport() else "ws"
        policy = self.policy.format(nonce=nonce, socket=f"{scheme}://{self._host()}")
        self.set_header("Content-Security-Policy", policy)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Permissions-Policy", NO_FEATURES)
        html = await self.html()
        self.finish_with_common(html.replace(NONCE, nonce).encode())

    async def html(self) -> str:
        """The page, with a mark where the nonce belongs."""
        return self.files.html

    def _host(self) -> str:
        # It goes into a header: only what a host name may hold.
        host = self.request.host
        return host if HOST.fullmatch(host) else "localhost"


class Reference(Page):
    """The page for developers."""

    policy = QUIET_POLICY

    async def html(self) -> str:
        """The page, made when it is first asked for, beside the loop: a start is quick, and nobody waits meanwhile."""
        return await asyncio.to_thread(_reference, self.files)


def _reference(files: Files) -> str:
    from handlers.reference import page  # noqa: PLC0415

    return page(style=files.address("docs.css"), icon=files.address("icon.svg"), nonce=NONCE)


class Asset(Page):
    """A file of the page; its name holds its hash, so it never changes."""

    async def answer(self, *args: str, **kwargs: str) -> None:
        """The file."""
        await self.send(args[0], self.files.assets.get(args[0]), FOREVER)

    async def send(self, name: str, content: bytes | None, keep: str) -> None:
        """The content, compressed for whoever takes that: it is the same for everybody, and holds no secret."""
        if content is None:
            self.finish_problem(DoorError(404, "There is nothing here."))
            return
        kind = Path(name).suffix
        self.set_header("Content-Type", SERVED[kind])
        self.set_header("Cache-Control", keep)
        if kind in COMPRESSED:
            self.set_header("Vary", "Accept-Encoding")
            if takes_gzip(self.request.headers.get("Accept-Encoding", "")):
                self.set_header("Content-Encoding", "gzip")
                content = await self.files.compressed(name, content)
        self.finish_with_common(content)


class Standing(Asset):
    """A file of the page that keeps its name: the service worker, or the manifest of the installed page."""

    async def answer(self, *args: str, **kwargs: str) -> None:
        """The file."""
        (name,) = args
        content = self.files.standing.get(name)
        if content is not None and (policy := STANDING[name]):
            self.set_header("Content-Security-Policy", policy)
        await self.send(name, content, "no-cache")


def takes_gzip(accepted: str) -> bool:
    """Whether an `Accept-Encoding` header takes gzip (RFC 9110 §12.5.3)."""
    weights = {}
    for part in accepted.lower().split(","):
        coding, _, weight = part.partition(";")
        weights[coding.strip()] = weight.strip()
    weight = weights.get("gzip", weights.get("*", "q=0"))
    return NO_WEIGHT.fullmatch(weight) is None
