"""Databases of the test cluster: which, by which role, and copies of them."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from django.db import connections
from psycopg import sql

from ems import database, database_roles


@dataclass(frozen=True)
class Database:
    """A database of the test cluster, by role."""

    place: database.Cluster
    name: str

    @property
    def url(self) -> str:
        return self.place.url(database.APP, self.name)

    @property
    def owner_url(self) -> str:
        return self.place.url(database.OWNER, self.name)

    @property
    def superuser_url(self) -> str:
        return self.place.url(database.SUPERUSER, self.name)


@contextlib.contextmanager
def pointed_at(target: Database) -> Iterator[None]:
    """Django's connections lead to `target` while this lasts."""
    before = {alias: dict(connections[alias].settings_dict) for alias in ("default", "owner")}
    for alias, url in (("default", target.url), ("owner", target.owner_url)):
        connections[alias].close()
        engine = connections[alias].settings_dict["ENGINE"]
        connections[alias].settings_dict.update(database.django_database(url, engine=engine))
    try:
        yield
    finally:
        for alias, values in before.items():
            connections[alias].close()
            connections[alias].settings_dict.update(values)


@contextlib.contextmanager
def clone(template: Database, name: str) -> Iterator[Database]:
    """A copy of `template` for as long as this lasts."""
    with psycopg.connect(template.place.url(database.SUPERUSER, "postgres"), autocommit=True) as admin:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        admin.execute(drop)
        database_roles.create_database(admin, name, template.name)
        try:
            yield Database(template.place, name)
        finally:
            admin.execute(drop)
