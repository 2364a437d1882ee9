"""Databases of their own for the tests, on a PostgreSQL server that runs already."""

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql


class Databases:
    """Makes and drops databases on one server; `admin_url` may create them, `url` names who owns and uses."""

    def __init__(self, admin_url: Callable[[], str], url: Callable[[], str]) -> None:
        self.admin_url = admin_url
        self.url = url
        self.templates: set[str] = set()

    def create(self, template: str | None = None) -> str:
        """The URL of a fresh database, a copy of `template` when one is named."""
        return self._create(f"recado_test_{secrets.token_hex(6)}", template or "template1")

    def drop(self, url: str) -> None:
        """Drop the database of `url`, whoever is connected to it."""
        name = urlsplit(url).path.removeprefix("/")
        self.run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def template(self, name: str, prepare: Callable[[str], object]) -> str:
        """The name of a database that `prepare(url)` filled, once. It must leave no connection open."""
        if name not in self.templates:
            prepare(self._create(name, "template1"))
            self.templates.add(name)
        return name

    def run(self, statement: sql.Composable) -> None:
        """Run one statement as the administrator, outside any transaction."""
        connection = psycopg2.connect(self.admin_url())
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def _create(self, name: str, template: str) -> str:
        parts = urlsplit(self.url())
        self.run(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(parts.username or ""), sql.Identifier(template)
            )
        )
        return urlunsplit(parts._replace(path=f"/{name}"))
