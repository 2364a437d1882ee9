"""Everything behind the clients, on loopback: PostgreSQL, Redis, instances, nginx with the shipped configuration.

Between the parts stand wires that can be cut: clients → proxy, each instance → Redis, each instance → PostgreSQL.
What blocks runs in a thread; one lock for each part, so that nothing is started and stopped at once.
"""

import asyncio
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from prove.faults import CLIENTS, INSTANCE, INSTANCES, POSTGRES, REDIS
from prove.history import Record, Strange
from prove.tcp import Wire
from tests.child import Server
from tests.deploy.proxy import NGINX, Proxy
from tests.instances import Instance
from tests.servers import PostgresServer, RedisServer

# Nobody is to be refused here for being fast. Tokens live so long that a run renews them.
SETTINGS = {"RECADO_LOG_LEVEL": "warning", "RECADO_AUTH_ACCESS_MINUTES": "2"}
READY_SECONDS = 60.0
START_SECONDS = 60.0
START_PAUSE_SECONDS = 0.5


class ProxyOfMany(Proxy):
    """nginx before any number of instances: each has a line as those in the shipped file."""

    def _placed(self, name: str, text: str) -> str:
        if name != "instances.conf":
            return super()._placed(name, text)
        found = re.search(r"^server \S+(.*)$", text, re.MULTILINE)
        assert found is not None, "instances.conf names no instance"  # noqa: S101
        return "".join(f"server 127.0.0.1:{port}{found[1]}\n" for port in self.ports)


class Node:
    """One instance and its wires."""

    def __init__(self, number: int, instance: Instance, redis: Wire, postgres: Wire) -> None:
        self.name = f"{INSTANCE} {number}"
        self.instance = instance
        self.redis = redis
        self.postgres = postgres
        self.lock = asyncio.Lock()


class Stack:
    """The running parts."""

    def __init__(self, home: Path, server: Sequence[str], tell: Callable[[str], None], record: Record) -> None:
        self.home = home
        self.server = server
        self.record = record
        self.tell = tell
        self.postgres = PostgresServer()
        self.redis = RedisServer()
        self.nodes: list[Node] = []
        self.proxy: ProxyOfMany | None = None
        self.front = Wire(self._entrances, many_sources=True)
        self.locks = {part: asyncio.Lock() for part in (POSTGRES, REDIS, CLIENTS, INSTANCES)}

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.front.port}"

    @property
    def wires(self) -> list[Wire]:
        """All of them."""
        return [self.front, *(wire for node in self.nodes for wire in (node.redis, node.postgres))]

    def node(self, name: str) -> Node:
        """The instance of this name."""
        return next(node for node in self.nodes if node.name == name)

    async def start_instance(self, node: Node) -> None:
        """Start it unless it runs; on its port, and again when something that it needs is not there yet."""
        process = node.instance.process
        if process is not None and process.poll() is not None:
            self.record(Strange(device=node.name, text=f"ended by itself with {process.returncode}"))
            node.instance.process = None
        deadline = time.monotonic() + START_SECONDS
        while node.instance.process is None:
            try:
                await asyncio.to_thread(node.instance.start)
            except AssertionError:
                await asyncio.to_thread(node.instance.kill)
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(START_PAUSE_SECONDS)

    async def stop_instance(self, node: Node) -> None:
        """Ask it to end; one that does not in time is noted, and killed."""
        try:
            code = await asyncio.to_thread(node.instance.stop)
        except subprocess.TimeoutExpired:
            self.record(Strange(device=node.name, text="did not end after SIGTERM"))
            await asyncio.to_thread(node.instance.kill)
            return
        if code:
            self.record(Strange(device=node.name, text=f"ended with {code} after SIGTERM"))

    async def ready(self, nodes: Sequence[Node] = ()) -> None:
        """Wait until these instances, or all, say that they are ready."""
        async with asyncio.timeout(READY_SECONDS):
            for node in nodes or self.nodes:
                while not await asyncio.to_thread(_is_ready, node.instance):  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.1)

    async def heal(self) -> None:
        """Start what is stopped, and let everything pass."""
        for wire in self.wires:
            wire.heal()
        for server in (self.postgres, self.redis):
            async with self.locks[POSTGRES if server is self.postgres else REDIS]:
                if server.running and server.process is not None:
                    server.process.send_signal(signal.SIGCONT)
                await asyncio.to_thread(server.start)
        for node in self.nodes:
            async with node.lock:
                await self.start_instance(node)
        await self.ready()

    async def begin(self, instances: int, stack: AsyncExitStack) -> None:
        """Start everything; `stack` ends it."""
        self.tell("Starting PostgreSQL and Redis ...")
        for server in (self.postgres, self.redis):
            stack.callback(server.close)
            await asyncio.to_thread(server.start)
        database = await asyncio.to_thread(self.postgres.create_database)
        for number in range(1, instances + 1):
            self.nodes.append(node := await self._node(number, database, stack))
            stack.callback(_end, node.instance)
            await asyncio.to_thread(node.instance.start)
        await self._begin_proxy(stack)
        stack.push_async_callback(self.front.stop)
        await self.front.start()
        await self.ready()

    async def _node(self, number: int, database: str, stack: AsyncExitStack) -> Node:
        wires = Wire(lambda: [self.redis.port]), Wire(lambda: [self.postgres.port])
        for wire in wires:
            stack.push_async_callback(wire.stop)
            await wire.start()
        redis, postgres = wires
        instance = Instance(
            self.home,
            database_url=_through(database, postgres),
            redis_url=_through(self.redis.url, redis),
            settings=SETTINGS,
            command=self.server,
        )
        return Node(number, instance, redis, postgres)

    async def _begin_proxy(self, stack: AsyncExitStack) -> None:
        if NGINX is None:
            self.tell("nginx is not installed: clients connect to the instances in turn, without a proxy.")
            return
        self.proxy = ProxyOfMany([node.instance.port for node in self.nodes])
        stack.callback(self.proxy.close)
        await asyncio.to_thread(self.proxy.start)

    def _entrances(self) -> list[int]:
        return [self.proxy.port] if self.proxy is not None else [node.instance.port for node in self.nodes]

    def logs(self) -> dict[str, str]:
        """What each part has written, for a reader."""
        found = {node.name.replace(" ", "-"): node.instance.log() for node in self.nodes}
        servers: list[Server] = [self.postgres, self.redis]
        return found | {server.title.lower(): server.log_tail() for server in servers}


@asynccontextmanager
async def running_stack(
    home: Path, server: Sequence[str], instances: int, tell: Callable[[str], None], record: Record
) -> AsyncIterator[Stack]:
    """Everything, for the time of the block; `server` is the command that starts an instance."""
    async with AsyncExitStack() as ending:
        stack = Stack(home, server, tell, record)
        await stack.begin(instances, ending)
        yield stack


def _through(url: str, wire: Wire) -> str:
    """The same URL, by way of the wire."""
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{wire.port}"))


def _is_ready(instance: Instance) -> bool:
    try:
        return instance.call("GET", "/readyz").status == 200
    except OSError:
        return False


def _end(instance: Instance) -> None:
    instance.kill()
