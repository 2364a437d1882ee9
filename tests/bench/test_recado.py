"""With wide limits each check still runs: no rule is missing, and none bites."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# In a process of its own: it changes the table of limits.
SCRIPT = """
import asyncio
from bench import recado
from actions import limits
from realtime.buckets import MemoryBuckets

rules = [name for name, rule in vars(limits).items() if isinstance(rule, limits.Rule)]
recado.widen()
async def spend():
    buckets = MemoryBuckets()
    for name in rules:
        rule = getattr(limits, name)
        assert sum([await buckets.spend("somebody", rule) for _ in range(2000)]) == 0.0, name
asyncio.run(spend())
print(len(rules), limits.SEND.name)
"""


def test_no_limit_bites_and_each_keeps_its_name():
    ran = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    count, name = ran.stdout.split()
    assert int(count) >= 5
    assert name == "send.person"
