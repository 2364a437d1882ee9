"""`python tests/prove/broken BUG`: the real server with one bug, which is a module beside this one.

    make prove PROVE_ARGS='--server "python tests/prove/broken no_dedupe" --clients 12 --seconds 20'

The server knows nothing of it: a function of its code is replaced before it starts.
"""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[3])
    importlib.import_module(f"tests.prove.broken.{sys.argv[1]}").plant()
    # Only now: rooms take one another's functions by name.
    import server

    sys.exit(server.main([]))
