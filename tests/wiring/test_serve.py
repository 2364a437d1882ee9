"""What serving does to its own process."""

import subprocess
import sys
from pathlib import Path

from wiring.serve import COLLECT_AFTER

ROOT = Path(__file__).resolve().parents[2]
# In a process of its own: it is for good.
SCRIPT = """
import gc
from wiring import serve
serve.collect_rarely()
print(gc.isenabled(), gc.get_freeze_count() > 1000, *gc.get_threshold())
"""


def test_the_collector_looks_seldom_and_never_at_what_the_start_has_made():
    ran = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", "True", *map(str, COLLECT_AFTER)]
