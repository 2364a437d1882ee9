"""The chat page and its files: built beforehand, read once, served with a strict policy and a nonce for each answer."""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers.base import Base, Doorway
from handlers.problems import DoorError

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:;"
    " connect-src 'self' {socket}; manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
NONCE = "__NONCE__"
HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")
FOREVER = "public, max-age=31536000, immutable"
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


@dataclass(frozen=True, slots=True)
class Files:
    """The page's HTML, with a mark where the nonce belongs, and its files by name."""

    html: str
    assets: dict[str, bytes]


def read_files(web: Path) -> Files:
    """What the build left in `web`: `index.html` and `static/`."""
    static = (path for path in (web / "static").iterdir() if path.suffix in SERVED)
    return Files((web / "index.html").read_text(), {path.name: path.read_bytes() for path in static})


class Page(Base):
    """The chat page."""

    methods = ("GET", "HEAD")
    files: Files

    def initialize(self, doorway: Doorway, **kwargs: Any) -> None:
        """Tornado's constructor: the `files` of the page."""
        super().initialize(doorway)
        self.files = kwargs["files"]

    async def answer(self, *args: str, **kwargs: str) -> None:
        """The page, with a fresh nonce."""
        nonce = secrets.token_urlsafe(18)
        scheme = "wss" if self.secure_transport() else "ws"
        policy = POLICY.format(nonce=nonce, socket=f"{scheme}://{self._host()}")
        self.set_header("Content-Security-Policy", policy)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.finish_with_common(self.files.html.replace(NONCE, nonce).encode())

    def _host(self) -> str:
        # It goes into a header: only what a host name may hold.
        host = self.request.host
        return host if HOST.fullmatch(host) else "localhost"


class Asset(Page):
    """A file of the page; its name holds its hash, so it never changes."""

    async def answer(self, *args: str, **kwargs: str) -> None:
        """The file."""
        (name,) = args
        content = self.files.assets.get(name)
        if content is None:
            self.finish_problem(DoorError(404, "There is nothing here."))
            return
        self.set_header("Content-Type", SERVED[Path(name).suffix])
        self.set_header("Cache-Control", FOREVER)
        self.finish_with_common(content)
