"""What runs, as a CycloneDX document: the libraries of the server and of the page, each with its hashes.

`python deploy/sbom.py <file>`. The server's come from requirements.txt by way of cyclonedx-py; the page's, which are
built into web/dist, from web/package-lock.json. The same input gives the same document.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
COMMAND = (
    *("cyclonedx_py", "requirements", "--output-format=JSON", "--spec-version=1.6", "--output-reproducible"),
    *("--no-validate", "--output-file=-", "requirements.txt"),
)
OURS = {"type": "application", "bom-ref": "recado", "name": "recado", "licenses": [{"license": {"id": "MIT"}}]}


def main(arguments: Sequence[str]) -> int:
    """Write the document to this file."""
    (file,) = arguments
    # Only this program's own interpreter, and a module by its name.
    ran = subprocess.run([sys.executable, "-m", *COMMAND], cwd=ROOT, capture_output=True, check=False)  # noqa: S603
    if ran.returncode:
        sys.stderr.buffer.write(ran.stderr)
        return ran.returncode
    document = whole(json.loads(ran.stdout), json.loads((ROOT / "web" / "package-lock.json").read_text()))
    Path(file).write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{file}: {len(document['components'])} libraries\n")
    return 0


def whole(document: dict[str, Any], lock: dict[str, Any]) -> dict[str, Any]:
    """The document with what it is about, and with the page's libraries."""
    components = [*document.get("components", ()), *_of_the_page(lock)]
    needed = sorted(component["bom-ref"] for component in components)
    return document | {
        "metadata": document.get("metadata", {}) | {"component": OURS},
        "components": components,
        "dependencies": [{"ref": "recado", "dependsOn": needed}, *({"ref": ref} for ref in needed)],
    }


def _of_the_page(lock: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for place, package in sorted(lock["packages"].items()):
        if not place or package.get("dev"):
            continue  # the page itself, or a tool that builds it
        name = place.removeprefix("node_modules/")
        algorithm, _, digest = package["integrity"].partition("-")
        purl = f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"
        yield {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": package["version"],
            "purl": purl,
            "licenses": [{"license": {"id": package["license"]}}],
            "hashes": [{"alg": algorithm.upper().replace("SHA", "SHA-"), "content": base64.b64decode(digest).hex()}],
        }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
