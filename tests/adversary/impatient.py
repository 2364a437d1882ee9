"""`python server.py`, as after a minute: who has not said all of a request by then is cut off after a second."""

import runpy
import sys
from pathlib import Path

SERVER = Path(__file__).resolve().parents[2] / "server.py"

if __name__ == "__main__":
    sys.path.insert(0, str(SERVER.parent))
    import handlers.line
    import wiring.serve

    wiring.serve.IDLE_SECONDS = 1.0
    handlers.line.HELLO_SECONDS = 1.0
    sys.argv[0] = str(SERVER)
    runpy.run_path(str(SERVER), run_name="__main__")
