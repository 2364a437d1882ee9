"""A wire that can be cut, slowed and stalled: a small TCP proxy on loopback, one `Link` for each connection."""

import asyncio
import contextlib
import itertools
import sys
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter
CHUNK_BYTES = 65_536
CONNECT_SECONDS = 5.0
# Whoever comes from elsewhere has buckets and bounds of their own at the proxy; Linux has all of 127/8.
SOURCES = 16 if sys.platform == "linux" else 1


class Link:
    """One connection: two directions, and what holds them up."""

    def __init__(self, left: Writer, right: Writer) -> None:
        self.flows = asyncio.Event()
        self.flows.set()
        self._writers = (left, right)

    def cut(self) -> None:
        """Both ends learn that it is gone; whatever was on its way is lost."""
        self.flows.set()
        for writer in self._writers:
            writer.transport.abort()


class Wire:
    """Takes connections on `port` and passes them on to the targets in turn, the first of them that answers."""

    def __init__(self, targets: Callable[[], Sequence[int]], *, many_sources: bool = False) -> None:
        self.port = 0
        self.delay_seconds = 0.0
        self.refuses = False
        self.passed_bytes = 0
        self.links: set[Link] = set()
        self._targets = targets
        self._turn = itertools.count()
        self._sources = itertools.cycle(range(2, 2 + SOURCES)) if many_sources and SOURCES > 1 else None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take connections from now on."""
        self._server = await asyncio.start_server(self._took, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut everything and take no more."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed in the next turn

    def cut(self, share: float = 1.0, random: Random | None = None) -> int:
        """Cut so large a part of the connections; how many that were."""
        chosen = self._some(share, random)
        for link in chosen:
            link.cut()
        return len(chosen)

    def stall(self, share: float = 1.0, random: Random | None = None) -> int:
        """Let nothing pass on so large a part of the connections, without cutting them."""
        chosen = self._some(share, random)
        for link in chosen:
            link.flows.clear()
        return len(chosen)

    def heal(self) -> None:
        """Everything passes again, at once."""
        self.delay_seconds, self.refuses = 0.0, False
        for link in self.links:
            link.flows.set()

    def _some(self, share: float, random: Random | None) -> list[Link]:
        links = list(self.links)
        return links if random is None else random.sample(links, round(len(links) * share))

    def _took(self, reader: Reader, writer: Writer) -> None:
        # A task of our own: asyncio shouts at those that are cancelled in its stead.
        task = asyncio.ensure_future(self._take(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, reader: Reader, writer: Writer) -> None:
        try:
            if not self.refuses and (other := await self._reach()) is not None:
                await self._connect(reader, writer, *other)
        finally:
            writer.transport.abort()

    async def _connect(self, reader: Reader, writer: Writer, other_reader: Reader, other_writer: Writer) -> None:
        link = Link(writer, other_writer)
        self.links.add(link)
        try:
            await asyncio.gather(
                self._pass(link, reader, other_writer), self._pass(link, other_reader, writer), return_exceptions=True
            )
        finally:
            self.links.discard(link)
            link.cut()

    async def _reach(self) -> tuple[Reader, Writer] | None:
        ports = self._targets()
        first = next(self._turn)
        source = None if self._sources is None else (f"127.0.0.{next(self._sources)}", 0)
        for n in range(len(ports)):
            port = ports[(first + n) % len(ports)]
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection("127.0.0.1", port, local_addr=source)
        return None

    async def _pass(self, link: Link, reader: Reader, writer: Writer) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                await link.flows.wait()
                self.passed_bytes += len(chunk)
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()
            return
        link.cut()
