"""A wire passes everything on until it is cut, slowed or stalled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from prove.tcp import Wire

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echoing() -> AsyncIterator[Wire]:
    """A wire to a server that says what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(9999):
                writer.write(chunk)
        except OSError:
            pass
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wire = Wire(lambda: [1, port], many_sources=True)  # nobody listens on the first
    await wire.start()
    try:
        yield wire
    finally:
        await wire.stop()
        server.close()


async def connect(wire: Wire) -> Streams:
    return await asyncio.open_connection("127.0.0.1", wire.port)


async def echoed(streams: Streams, what: bytes) -> bool:
    reader, writer = streams
    writer.write(what)
    return await reader.readexactly(len(what)) == what


async def test_it_passes_both_ways_to_the_first_target_that_answers() -> None:
    async with echoing() as wire:
        streams = await connect(wire)
        assert await echoed(streams, b"x" * 300_000)
        assert wire.passed_bytes == 600_000
        streams[1].write_eof()
        assert await streams[0].read() == b""
        streams[1].close()


async def test_a_cut_connection_is_gone_and_a_new_one_is_refused_until_it_is_healed() -> None:
    async with echoing() as wire:
        streams = await connect(wire)
        assert await echoed(streams, b"before")
        wire.refuses = True
        assert wire.cut() == 1
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await echoed(streams, b"after")
        refused = await connect(wire)
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await echoed(refused, b"refused")
        wire.heal()
        whole = await connect(wire)
        assert await echoed(whole, b"again")
        for _, writer in (streams, refused, whole):
            writer.close()


async def test_what_is_stalled_or_slow_arrives_later_and_whole() -> None:
    async with echoing() as wire:
        streams = await connect(wire)
        assert await echoed(streams, b"before")
        wire.stall()
        waiting = asyncio.ensure_future(echoed(streams, b"held up"))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        wire.heal()
        assert await waiting
        wire.delay_seconds = 0.05
        began = asyncio.get_running_loop().time()
        assert await echoed(streams, b"slow")
        assert asyncio.get_running_loop().time() - began >= 0.1
        streams[1].close()
