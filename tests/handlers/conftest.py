"""One running instance for each module of these tests; people have names of their own."""

import io
import itertools
import logging
from collections.abc import Callable, Iterator

import pytest

from handlers import logs
from settings import Server, Websocket
from tests.handlers.raw import Person
from tests.instances import Instance

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One running Recado for all tests of a module."""
    with Instance(tmp_path_factory.mktemp("recado")) as running:
        yield running


@pytest.fixture
def joined(server: Instance) -> Callable[[], Person]:
    """Makes somebody new, signed in on `server`."""

    def join() -> Person:
        name = f"person{next(_numbers)}"
        return Person(name, server.join(name))

    return join


@pytest.fixture(scope="session")
def body_limit() -> int:
    """How many bytes a body may have when the settings say nothing."""
    return Server().max_body_bytes


@pytest.fixture(scope="session")
def frame_limit() -> int:
    """How many bytes a frame may have when the settings say nothing."""
    return Websocket().max_frame_bytes


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged as JSON inside the test; the loggers are as before behind it."""
    root, ours, access = logging.getLogger(), logging.getLogger("recado"), logging.getLogger("tornado.access")
    before = (root.handlers[:], root.level, ours.level, access.disabled)
    stream = io.StringIO()
    logs.set_up(level="info", style="json", stream=stream)
    yield stream
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    access.disabled = before[3]


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance with small bounds and no token in a query."""
    settings = {
        "RECADO_AUTH_WEBSOCKET_QUERY_TOKEN": "false",
        "RECADO_WEBSOCKET_SOCKETS_PER_USER": "2",
        "RECADO_WEBSOCKET_MAX_QUEUED_BYTES": "300000",
    }
    with Instance(tmp_path_factory.mktemp("narrow"), settings=settings) as running:
        yield running
