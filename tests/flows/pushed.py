"""`python server.py` whose pushes arrive at a test's own service: PUSH_PORT, and its authority PUSH_CA.

The policy stays on: names lead to a public address, which is checked, and only the last step of a connection is led to
this machine. What an instance that died has begun is taken over within seconds.
"""

import os
import runpy
import socket
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CLAIM_MILLISECONDS = 4_000
# A push that did not get through is not what this is about.
PAUSES = (1,) * 8
SWEEP_SECONDS = 0.2


def lead() -> None:
    """Change what has to be changed before the server starts."""
    from tornado.tcpclient import TCPClient

    from actions import push_sender
    from tests.pushes import PUBLIC, asking_for
    from wiring import push_client, serve

    connect = TCPClient._create_stream
    here = ("127.0.0.1", int(os.environ["PUSH_PORT"]))

    def led(self: TCPClient, most: Any, af: Any, address: Any, *args: Any, **kwargs: Any) -> Any:
        assert address == (PUBLIC, 443)
        return connect(self, most, socket.AF_INET, here, *args, **kwargs)

    TCPClient._create_stream = led  # type: ignore[method-assign,assignment]
    push_client.PushClient.__init__.__defaults__ = (asking_for(PUBLIC),)
    push_client.PushClient.__init__.__kwdefaults__ = {"authorities": os.environ["PUSH_CA"]}
    push_sender.CLAIM_MILLISECONDS = CLAIM_MILLISECONDS
    push_sender.PAUSES = PAUSES
    serve.PUSH_SWEEP_SECONDS = SWEEP_SECONDS


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    lead()
    sys.argv[0] = str(ROOT / "server.py")
    runpy.run_path(sys.argv[0], run_name="__main__")
