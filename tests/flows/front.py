"""What may stand between a browser and an instance: it passes calls on, changes answers, or answers itself."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.instances import Instance, Reply

KEPT = {"content-type", "cache-control", "content-security-policy", "cross-origin-opener-policy", "referrer-policy"}
MAINTENANCE = b"<!doctype html><title>Maintenance</title><h1>Back soon</h1>"


class Front:
    """An origin of its own before an instance. `change(path, reply)` may give another answer to any call."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.change: Callable[[str, Reply], Reply] = lambda _, reply: reply
        front = self

        class Pass(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                front.pass_on(self)

            def do_POST(self) -> None:
                front.pass_on(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Pass)
        self.port = int(self.server.server_address[1])
        self.turning = threading.Thread(target=self.server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def __enter__(self) -> Self:
        self.turning.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.turning.join()
        self.server.server_close()

    def pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        """One call."""
        raw = handler.rfile.read(int(handler.headers.get("Content-Length", 0))) or None
        sent = {"Host": f"localhost:{self.port}"} | {
            name: value
            for name in ("Content-Type", "X-Recado-Session", "Accept")
            if (value := handler.headers.get(name))
        }
        reply = self.change(handler.path, self.instance.call(handler.command, handler.path, headers=sent, raw=raw))
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            if name in KEPT:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)


def maintenance(status: int) -> Callable[[str, Reply], Reply]:
    """Everything is answered with a page of a proxy's own."""
    return lambda _, __: Reply(status, {"Content-Type": "text/html"}, MAINTENANCE)
