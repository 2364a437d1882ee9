"""The server that is attacked: one process for all these tests, reached straight and through the shipped nginx."""

from collections.abc import Iterator

import pytest

from tests.adversary.attacker import Plundered, Store, Target, many_addresses
from tests.deploy.conftest import require_nginx
from tests.deploy.proxy import Proxy
from tests.instances import Instance
from tests.servers import GivenPostgres, PostgresServer

# nginx, on loopback like everything here, is believed when it tells whom it serves.
SETTINGS = {"RECADO_SERVER_TRUSTED_PROXIES": "127.0.0.1/32"}


@pytest.fixture(scope="session")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A server on SQLite, with cheap passwords and without limits. Whoever breaks more than a row takes their own."""
    with Instance(tmp_path_factory.mktemp("victim"), settings=SETTINGS) as running:
        yield running


@pytest.fixture(scope="session")
def victim_on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer | GivenPostgres
) -> Iterator[Instance]:
    """The same on PostgreSQL."""
    url = postgres_server.create_database()
    with Instance(tmp_path_factory.mktemp("victim"), database_url=url, settings=SETTINGS) as running:
        yield running
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def shield(victim: Instance) -> Iterator[Proxy]:
    """The shipped nginx before `victim`."""
    require_nginx()
    with Proxy([victim.port, victim.port]) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def straight(victim: Instance) -> Target:
    """`victim`, without anything before it."""
    return Target(victim, victim)


@pytest.fixture(scope="session")
def shielded(victim: Instance, shield: Proxy) -> Target:
    """`victim`, through the shipped nginx."""
    return Target(shield.visitor, victim, many_addresses())


@pytest.fixture(scope="session", params=["direct", "proxied"])
def target(request: pytest.FixtureRequest) -> Target:
    """`victim`, reached straight, and once more through the shipped nginx."""
    reached: Target = request.getfixturevalue({"direct": "straight", "proxied": "shielded"}[request.param])
    return reached


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def plundered(request: pytest.FixtureRequest) -> Plundered:
    """A server whose database the attacker may write, on each engine. Spoil rows of your own people only."""
    name = {"sqlite": "victim", "postgresql": "victim_on_postgresql"}[request.param]
    instance: Instance = request.getfixturevalue(name)
    url = instance.environment.get("DATABASE_URL", f"sqlite:///{instance.home / 'recado.db'}")
    return Plundered(instance, instance, store=Store(url))
