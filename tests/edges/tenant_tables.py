"""Every table that belongs to tenants, and a row of each of two organizations in it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
from django.apps import apps
from django.db import models
from psycopg import sql

from edges.models import Organization
from tests.databases import Database

ACME, BIRCH = UUID(int=0xACE), UUID(int=0xB1C)


def models_of_tenants() -> list[type[models.Model]]:
    """Models with rows of one organization, historical ones included."""
    own = (Organization, Organization.history.model)
    return [
        model
        for model in apps.get_models()
        if model in own or any(field.attname == "organization_id" for field in model._meta.concrete_fields)
    ]


def organization_column(model: type[models.Model]) -> str:
    own = (Organization, Organization.history.model)
    return "id" if model in own else "organization_id"


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    element: str


def fill(target: Database, tables: dict[str, str]) -> None:
    """One row of Acme and one of Birch in every table {name: organization column}, whatever its shape.

    As superuser, without foreign keys and checks: what is tested is who sees a row, not what it means.
    """
    with psycopg.connect(target.superuser_url, autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        for number, (table, column) in enumerate(tables.items(), start=1):
            _drop_checks(admin, table)
            for organization in (ACME, BIRCH):
                _insert(admin, table, column, organization, number)


def _drop_checks(admin: psycopg.Connection[Any], table: str) -> None:
    rows = admin.execute(
        "select conname from pg_constraint where conrelid = %s::regclass and contype = 'c'", [table]
    )
    for (name,) in rows.fetchall():
        admin.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(name))
        )


def columns_of(admin: psycopg.Connection[Any], table: str) -> list[Column]:
    rows = admin.execute(
        """select a.attname, t.typname, t.typcategory from pg_attribute a join pg_type t on t.oid = a.atttypid
        where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped and a.attnotnull
        and a.attidentity = '' and a.attgenerated = ''""",
        [table],
    )
    return [Column(*row) for row in rows.fetchall()]


def row_values(
    admin: psycopg.Connection[Any], table: str, column: str, organization: UUID, number: int
) -> dict[str, Any]:
    """A value for every column that must have one; the number keeps rows of two organizations apart."""
    apart = number * 2 + (organization == BIRCH)
    by_type: dict[str, Any] = {
        "uuid": uuid4(),
        "text": chr(0x100 + apart),
        "varchar": chr(0x100 + apart),
        "bool": True,
        "bytea": b"x",
        "jsonb": "{}",
        "timestamptz": "2026-01-01T00:00:00Z",
        "int2": apart,
        "int4": apart,
        "int8": apart,
        "float8": 1.0,
        "_varchar": [],
        "_text": [],
    }
    values = {found.name: by_type[found.type] for found in columns_of(admin, table)}
    return values | {column: organization}


def insert_statement(table: str, names: list[str]) -> sql.Composed:
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(sql.Placeholder() * len(names)),
    )


def _insert(admin: psycopg.Connection[Any], table: str, column: str, organization: UUID, number: int) -> None:
    values = row_values(admin, table, column, organization, number)
    admin.execute(insert_statement(table, list(values)), list(values.values()))
