"""The caller's own data as one file: a zip of JSON, made while it is sent, so that any size takes little memory.

The last part, `manifest.json`, says what the others hold, and the SHA-256 of each: a file without it is not whole.
It is text and JSON only; nothing in it is read as a formula by a spreadsheet.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msgspec

import models.audit
import models.blocks
import models.mutes
import models.passkeys
import models.push
import models.sessions
import models.shown
import models.users
from actions import audit, limits, notices, presentation, step_up
from actions.app import App, Caller
from actions.errors import NotFound
from actions.times import when, when_known, when_written
from crypto.digests import Digest
from models.messages import Page

FORMAT = "recado-export-1"
MOST_MESSAGES = 100
MOST_IN_PAGE = 200
# What waits before it is given to the client.
PIECE_BYTES = 65_536
PRIVATE = 0o600 << 16

_ENCODER = msgspec.json.Encoder()
Pages = AsyncIterator[Sequence[Any]]


class Part(msgspec.Struct, frozen=True):
    """A part of the file, as the manifest tells it."""

    name: str
    about: str
    records: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a file holds."""

    format: str
    made_at: str
    username: str
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class _Source:
    """A part: one JSON value a line, page by page."""

    name: str
    about: str
    pages: Callable[[App, Caller], Pages]


async def begin(app: App, caller: Caller) -> AsyncIterator[bytes]:
    """Begin to export what the server holds of the caller; the file comes piece by piece.

    `Forbidden` (`step_up_required`), `TooMany`. It is recorded, and the caller's other devices are told.
    """
    await step_up.require_recent(app, caller)
    await limits.spend(app, limits.EXPORT, caller.user_id)
    await models.audit.append(app.db, audit.act(app, caller, "export"))
    notices.tell(app, caller.user_id, "export", except_session=caller.session_id)
    return _file(app, caller)


async def _file(app: App, caller: Caller) -> AsyncIterator[bytes]:
    made_at = app.clock()
    sink = _Sink()
    archive = ZipFile(sink, "w", ZIP_DEFLATED)
    parts: list[Part] = []
    for source in SOURCES:
        digest, count = Digest(), 0
        # Not `with`: whoever gives up half-way must not end the part, and the file, as if it were whole.
        part = archive.open(_info(source.name, made_at), "w", force_zip64=True)
        async for page in source.pages(app, caller):
            text = b"".join(_ENCODER.encode(value) + b"\n" for value in page)
            digest.add(text)
            count += len(page)
            await asyncio.to_thread(part.write, text)
            if sink.size >= PIECE_BYTES:
                yield sink.take()
        part.close()
        parts.append(Part(source.name, source.about, count, digest.size, digest.hex()))
    manifest = Manifest(FORMAT, when(made_at), caller.username, parts)
    archive.writestr(_info("manifest.json", made_at), msgspec.json.format(_ENCODER.encode(manifest), indent=2) + b"\n")
    archive.close()
    yield sink.take()


def _info(name: str, made_at: int) -> ZipInfo:
    info = ZipInfo(name, time.gmtime(made_at / 1000)[:6])
    info.compress_type = ZIP_DEFLATED
    info.external_attr = PRIVATE
    return info


async def _profile(app: App, caller: Caller) -> Pages:
    own = await models.users.profile(app.db, caller.user_id)
    if own is None:
        raise NotFound("There is no such person.")
    yield [
        {
            "username": own.name,
            "display_name": own.display_name,
            "language": own.language,
            "receipts": own.receipts,
            "presence": own.presence,
            "created_at": when_written(own.created_at),
        }
    ]


async def _sessions(app: App, caller: Caller) -> Pages:
    yield [
        {
            "id": session.id,
            "device": session.device,
            "network": session.network,
            "created_at": when_written(session.created_at),
            "used_at": when_written(session.used_at),
            "expires_at": when_written(min(session.expires_at, session.idle_expires_at)),
        }
        for session in await models.sessions.of_user(app.db, caller.user_id, app.clock())
    ]


async def _passkeys(app: App, caller: Caller) -> Pages:
    yield [
        {"name": each.name, "created_at": when(each.created_at), "used_at": when_known(each.used_at)}
        for each in await models.passkeys.of_user(app.db, caller.user_id)
    ]


async def _blocks(app: App, caller: Caller) -> Pages:
    after = 0
    while found := await models.blocks.of_user(app.db, caller.user_id, after=after, limit=MOST_IN_PAGE):
        yield [{"username": name} for name, _ in found]
        after = found[-1][1]


async def _mutes(app: App, caller: Caller) -> Pages:
    after = 0
    while found := await models.mutes.of_user(app.db, caller.user_id, after=after, limit=MOST_IN_PAGE):
        yield [{"username": name} for name, _ in found]
        after = found[-1][1]


async def _push(app: App, caller: Caller) -> Pages:
    yield [
        {"session_id": each.session_id, "created_at": when(each.created_at), "pushed_at": when_known(each.pushed_at)}
        for each in await models.push.of_user(app.db, caller.user_id)
    ]


async def _security_events(app: App, caller: Caller) -> Pages:
    before: int | None = None
    while found := await audit.own_events(app, caller, before=before, limit=MOST_IN_PAGE):
        yield found
        before = found[-1].id


async def _messages(app: App, caller: Caller) -> Pages:
    page: Page | None = Page(MOST_MESSAGES)
    while page is not None:
        found = await models.shown.of_user(app.db, caller.user_id, page, app.clock())
        if found:
            yield await presentation.show(app, caller.user_id, found)
        page = Page(MOST_MESSAGES, before=found[-1].message.id) if found else None


SOURCES: Iterable[_Source] = (
    _Source("profile.jsonl", "What you say of yourself.", _profile),
    _Source("sessions.jsonl", "The devices on which you are signed in.", _sessions),
    _Source("passkeys.jsonl", "Your passkeys by name; what signs you in is not here.", _passkeys),
    _Source("blocks.jsonl", "Whom you block.", _blocks),
    _Source("mutes.jsonl", "Of whom you are told nothing by push.", _mutes),
    _Source("push.jsonl", "The devices that are told by push; where they are reached is not here.", _push),
    _Source("security_events.jsonl", "What was done in your name, newest first.", _security_events),
    _Source("messages.jsonl", "All messages that you sent or received and can read, newest first.", _messages),
)


class _Sink:
    """What the zip writes to: bytes that wait to be taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def write(self, piece: bytes) -> int:
        """Keep a piece."""
        self._pieces.append(bytes(piece))
        self.size += len(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def take(self) -> bytes:
        """All that waits."""
        taken = b"".join(self._pieces)
        self._pieces, self.size = [], 0
        return taken
