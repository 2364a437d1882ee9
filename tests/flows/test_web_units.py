"""The unit tests of the chat page, in Node's own runner."""

import re
import subprocess
from pathlib import Path


def test_the_units_of_the_page_pass(web_workshop: Path) -> None:
    files = sorted(str(path.relative_to(web_workshop)) for path in (web_workshop / "test").glob("*.test.js"))
    assert files
    ran = subprocess.run(
        ["node", "--test", "--test-reporter=tap", *files],
        cwd=web_workshop,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    counts = {name: int(count) for name, count in re.findall(r"^# (\w+) (\d+)$", ran.stdout, flags=re.MULTILINE)}
    assert counts["pass"] >= len(files)
    assert counts["fail"] == counts["skipped"] == counts["todo"] == 0
