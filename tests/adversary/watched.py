"""`python server.py`, watched: each way in which a program reaches out is written into the file that WATCHED names.

An audit hook of Python sees what the socket module does, not what uvloop does in C: so the loop is asyncio's.
"""

import asyncio
import os
import runpy
import sys
import types
from pathlib import Path

SERVER = Path(__file__).resolve().parents[2] / "server.py"
REACHING = {
    *("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"),
    *("socket.gethostbyaddr", "socket.getnameinfo", "urllib.Request", "http.client.connect", "smtplib.connect"),
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "webbrowser.open"),
}


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Write down an attempt."""
    if event in REACHING:
        with Path(os.environ["WATCHED"]).open("a") as file:
            file.write(f"{event} {arguments[-1]!r}\n")


if __name__ == "__main__":
    plain = types.ModuleType("uvloop")
    plain.new_event_loop = asyncio.new_event_loop  # type: ignore[attr-defined]
    sys.modules["uvloop"] = plain
    sys.addaudithook(watch)
    sys.path.insert(0, str(SERVER.parent))
    sys.argv[0] = str(SERVER)
    runpy.run_path(str(SERVER), run_name="__main__")
