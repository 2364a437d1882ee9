"""`python tests/adversary/leaky.py`: the real server, which does no work for a name that nobody has.

The answer is the same; only the time tells. It is there so that the test that measures the time can be seen to fail.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])
    from actions import credentials

    fits = credentials.fits

    async def fits_somebody(app, user, password):
        return False if user is None else await fits(app, user, password)

    credentials.fits = fits_somebody
    import server

    sys.exit(server.main([]))
