"""A network between a client and an instance that the test can cut, freeze and mend, byte by byte below HTTP."""

import contextlib
import selectors
import socket
import threading
from typing import Self

from tests.instances import Instance

CHUNK = 65_536
PATIENCE_SECONDS = 30.0


class Relay:
    """Passes TCP connections on to an instance, which may come and go. One thread does it all."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.opened = 0
        self._up = True
        self._frozen = False
        self._lock = threading.Condition()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ended = False

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def __enter__(self) -> Self:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._wake.send(b"x")
        self._thread.join()
        self._close_all()
        for one in (self._listener, self._wake, self._woken):
            one.close()
        self._selector.close()

    def cut(self) -> None:
        """Every connection breaks, and new ones break as well, until `mend`."""
        with self._lock:
            self._up = False
            self._close_all()

    def drop(self) -> None:
        """Every connection breaks; new ones are passed on."""
        with self._lock:
            self._close_all()

    def freeze(self) -> None:
        """What is open stays so and carries nothing, as when a device leaves the network; new ones break."""
        with self._lock:
            self._up = False
            for one in self._pairs:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(one)

    def mend(self) -> None:
        """New connections are passed on."""
        with self._lock:
            self._up = True

    def comes_back(self, after: int) -> None:
        """Wait until more connections than so many have been opened."""
        with self._lock:
            assert self._lock.wait_for(lambda: self.opened > after, PATIENCE_SECONDS), "nobody came back"

    def _run(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select():
                with self._lock:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._pairs:
                        self._pass_on(key.fileobj)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            if not self._up:
                raise ConnectionError
            server = socket.create_connection(("127.0.0.1", self.instance.port))
        except OSError:
            client.close()
            return
        self.opened += 1
        self._lock.notify_all()
        for one, other in ((client, server), (server, client)):
            self._pairs[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, one: socket.socket) -> None:
        other = self._pairs[one]
        try:
            data = one.recv(CHUNK)
            if data:
                other.sendall(data)
                return
        except OSError:
            pass
        self._close(one, other)

    def _close_all(self) -> None:
        for one in list(self._pairs):
            self._close(one)

    def _close(self, *ends: socket.socket) -> None:
        for one in ends:
            self._pairs.pop(one, None)
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(one)
            one.close()
