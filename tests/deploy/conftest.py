"""The stack of docker-compose.yml, for all tests of this folder; a test that stops a part starts it again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.proxy import NGINX
from tests.deploy.stack import Stack, running_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two instances behind the proxy, on PostgreSQL and Redis."""
    require_nginx()
    home: Path = tmp_path_factory.mktemp("stack")
    for name in ("recado1", "recado2"):
        (home / name).mkdir()
    with running_stack(home) as running:
        yield running


def require_nginx() -> None:
    """Skip when the program is not there."""
    if NGINX is None:
        pytest.skip("nginx is not installed (Debian, Ubuntu: sudo apt install nginx; macOS: brew install nginx)")
