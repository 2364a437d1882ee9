"""A newer release for the same people: the same server, whose page is another build."""

import re
import shutil
import sys

from tests.instances import ROOT, Instance

NEWER = "0123456789ab"
BUILD = re.compile(rb'<meta name="recado-build" content="(\w+)"')
NOT_SHIPPED = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "data", "docs", "tests")
# Asks for a newer version, and waits until it is installed and offers itself.
LOOKS = """async () => {
  const registration = await navigator.serviceWorker.getRegistration();
  await registration.update();
}"""


def upgrade(instance: Instance) -> None:
    """Stop this one, and start the newer release with the same database at the same address."""
    copy = instance.home / "newer"
    shutil.copytree(ROOT, copy, ignore=NOT_SHIPPED)
    dist = copy / "web" / "dist"
    found = BUILD.search((dist / "index.html").read_bytes())
    assert found
    for name in ("index.html", "sw.js"):
        path = dist / name
        path.write_bytes(path.read_bytes().replace(found[1], NEWER.encode()))
    instance.stop()
    instance.command = (sys.executable, str(copy / "server.py"))
    instance.start()
