"""On every tenant table, row level security alone and the managers alone hide Birch's rows from Acme."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, models
from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from pytest_django import DjangoDbBlocker

from edges import tenancy
from tests.databases import Database, clone, pointed_at
from tests.edges import tenant_tables
from tests.edges.tenant_tables import ACME, BIRCH, models_of_tenants, organization_column

MODELS = models_of_tenants()
TABLES = {model._meta.db_table: organization_column(model) for model in MODELS}
each_table = pytest.mark.parametrize("table", sorted(TABLES))
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
Cursor = psycopg.Cursor[Any]


@pytest.fixture(scope="module")
def filled(template: Database) -> Iterator[Database]:
    with clone(template, "isolation") as target:
        tenant_tables.fill(target, TABLES)
        yield target


@pytest.fixture(scope="module")
def filled_without_policies(template: Database) -> Iterator[Database]:
    with clone(template, "isolation_off") as target:
        tenant_tables.fill(target, TABLES)
        with psycopg.connect(target.superuser_url, autocommit=True) as admin:
            for table in TABLES:
                admin.execute(
                    sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(sql.Identifier(table))
                )
        yield target


@pytest.fixture
def acme_session(filled: Database) -> Iterator[Cursor]:
    """The application's role, told that it serves Acme; undone afterwards."""
    with psycopg.connect(filled.url) as session:
        cursor = session.cursor()
        cursor.execute("select set_config('ems.orgs', %s, true)", [str(ACME)])
        yield cursor
        session.rollback()


@pytest.fixture
def unfiltered(filled: Database, settings: Any, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    settings.TENANT_APPLICATION_FILTER = False
    with django_db_blocker.unblock(), pointed_at(filled):
        yield


@pytest.fixture
def unprotected(filled_without_policies: Database, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock(), pointed_at(filled_without_policies):
        yield


def run(cursor: Cursor, statement: str, table: str) -> Cursor:
    names = {"table": sql.Identifier(table), "column": sql.Identifier(TABLES[table])}
    return cursor.execute(sql.SQL(statement).format(**names))


def owners(rows: models.QuerySet[Any], model: type[models.Model]) -> set[Any]:
    return set(rows.values_list(organization_column(model), flat=True))


# Row level security alone.


@each_table
def test_the_database_shows_acme_only_its_own(acme_session: Cursor, table: str) -> None:
    assert run(acme_session, "select {column} from {table}", table).fetchall() == [(ACME,)]


@each_table
def test_the_database_shows_nothing_to_nobody(filled: Database, table: str) -> None:
    with psycopg.connect(filled.url) as session:
        assert run(session.cursor(), "select {column} from {table}", table).fetchall() == []


@each_table
def test_the_database_shows_nothing_after_the_setting_was_undone(filled: Database, table: str) -> None:
    with psycopg.connect(filled.url) as session:
        session.execute("select set_config('ems.orgs', %s, true)", [str(ACME)])
        session.commit()
        assert run(session.cursor(), "select {column} from {table}", table).fetchall() == []


@each_table
def test_the_database_binds_even_the_owner(filled: Database, table: str) -> None:
    with psycopg.connect(filled.owner_url) as session:
        assert run(session.cursor(), "select {column} from {table}", table).fetchall() == []


@each_table
def test_the_database_lets_acme_change_and_delete_nothing_of_birch(acme_session: Cursor, table: str) -> None:
    acme_session.execute("set constraints all deferred")
    changed = run(
        acme_session, "update {table} set {column} = {column} where {column} = '" + str(BIRCH) + "'", table
    )
    assert changed.rowcount == 0
    deleted = run(acme_session, "delete from {table} where {column} = '" + str(BIRCH) + "'", table)
    assert deleted.rowcount == 0


@each_table
def test_the_database_lets_acme_put_nothing_into_birch(
    filled: Database, acme_session: Cursor, table: str
) -> None:
    with psycopg.connect(filled.superuser_url) as admin:
        values = tenant_tables.row_values(admin, table, TABLES[table], BIRCH, 10_000)
    statement = tenant_tables.insert_statement(table, list(values))
    with pytest.raises(InsufficientPrivilege, match="row-level security"):
        acme_session.execute(statement, list(values.values()))


@each_table
def test_the_database_lets_acme_give_nothing_away(acme_session: Cursor, table: str) -> None:
    with pytest.raises(InsufficientPrivilege, match="row-level security"):
        run(acme_session, "update {table} set {column} = '" + str(BIRCH) + "'", table)


@each_model
def test_unfiltered_managers_still_see_only_acme(unfiltered: None, model: type[models.Model]) -> None:
    with tenancy.scope([ACME]):
        assert owners(model._default_manager.all(), model) == {ACME}


# The application's filter alone.


def test_without_policies_the_database_shows_everything(unprotected: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from edges_edge")
        assert cursor.fetchone() == (2,)


@each_model
def test_managers_alone_show_acme_only_its_own(unprotected: None, model: type[models.Model]) -> None:
    with tenancy.scope([ACME]):
        assert owners(model._default_manager.all(), model) == {ACME}
        assert model._default_manager.count() == 1


@each_model
def test_managers_alone_change_and_delete_nothing_of_birch(
    unprotected: None, model: type[models.Model]
) -> None:
    column = organization_column(model)
    with tenancy.scope([ACME]):
        birch = model._default_manager.filter(**{column: BIRCH})
        assert birch.update(**{column: BIRCH}) == 0
        assert birch._raw_delete("default") == 0


@each_model
def test_managers_refuse_to_answer_outside_every_scope(unprotected: None, model: type[models.Model]) -> None:
    with pytest.raises(tenancy.NoTenantError):
        list(model._default_manager.all())


@pytest.mark.parametrize(
    "model", [model for model in MODELS if hasattr(model, "history")], ids=lambda model: model._meta.label
)
def test_histories_alone_show_acme_only_its_own(unprotected: None, model: Any) -> None:
    with tenancy.scope([ACME]):
        assert owners(model.history.all(), model.history.model) == {ACME}
