"""What the catalog must say of every table, role and function, also of those that are made tomorrow."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, models
from psycopg import sql

from edges import tenancy
from edges.models import Edge, EdgeKey, Membership, Organization
from ems import database, database_roles
from tests.build import NOW, Cast
from tests.databases import Database
from tests.edges.tenant_tables import models_of_tenants

# Tables whose organization is no tenant's: none.
EXCEPT: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def catalog(template: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(template.superuser_url) as admin:
        yield admin


def test_every_table_with_an_organization_forces_row_security(catalog: psycopg.Connection[Any]) -> None:
    rows = catalog.execute(
        """select c.relname, c.relrowsecurity and c.relforcerowsecurity,
                  exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'tenant'
                          and p.polcmd = '*' and p.polpermissive and p.polroles = '{0}'
                          and p.polwithcheck is not null)
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'p') and n.nspname = 'public'
             and (exists (select from pg_attribute a
                          where a.attrelid = c.oid and a.attname = 'organization_id')
                  or c.relname in ('edges_organization', 'edges_historicalorganization'))"""
    ).fetchall()
    unprotected = {name for name, forced, policy in rows if not (forced and policy)} - EXCEPT
    assert unprotected == set()
    assert {name for name, _, _ in rows} == {model._meta.db_table for model in models_of_tenants()}


def test_the_only_other_policies_are_the_doors(catalog: psycopg.Connection[Any]) -> None:
    rows = catalog.execute(
        """select p.polname, p.polcmd, array_agg(distinct r.rolname::text)
           from pg_policy p left join pg_roles r on r.oid = any(p.polroles)
           where p.polname <> 'tenant' group by 1, 2"""
    ).fetchall()
    assert rows == [("door", "r", ["ems_door"])]


def references() -> Iterator[tuple[Any, Any]]:
    tenants = {model for model in models_of_tenants() if not hasattr(model, "history_object")}
    for model in tenants:
        for field in model._meta.concrete_fields:
            if isinstance(field, models.ForeignKey) and field.related_model in tenants - {Organization}:
                yield field, field.related_model


def test_references_between_tenants_rows_stay_in_the_organization(catalog: psycopg.Connection[Any]) -> None:
    """Historical tables keep what was, and a reference to the organization itself is its own column."""
    missing = []
    for field, parent in references():
        found = catalog.execute(
            """select 1 from pg_constraint k where k.contype = 'f' and k.conrelid = %s::regclass
               and k.confrelid = %s::regclass and k.conkey = (
                 select array_agg(a.attnum order by a.attname <> 'organization_id') from pg_attribute a
                 where a.attrelid = k.conrelid and a.attname in ('organization_id', %s))""",
            [field.model._meta.db_table, parent._meta.db_table, field.column],
        ).fetchone()
        if found is None:
            missing.append(f"{field.model._meta.db_table}.{field.column}")
    assert missing == []


def test_the_application_owns_nothing_and_truncates_nothing(catalog: psycopg.Connection[Any]) -> None:
    rows = catalog.execute(
        """select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = 'public' and c.relkind = 'r'
           and (has_table_privilege('ems_app', c.oid, 'TRUNCATE, TRIGGER, REFERENCES')
                or pg_get_userbyid(c.relowner) <> 'ems_owner')"""
    ).fetchall()
    assert rows == []


def test_the_application_only_reads_what_was_migrated(catalog: psycopg.Connection[Any]) -> None:
    row = catalog.execute(
        """select has_table_privilege('ems_app', 'django_migrations', 'SELECT'),
                  has_table_privilege('ems_app', 'django_migrations', 'INSERT, UPDATE, DELETE')"""
    ).fetchone()
    assert row == (True, False)


def test_nobody_is_a_member_of_the_doors_role(catalog: psycopg.Connection[Any]) -> None:
    rows = catalog.execute(
        "select member::regrole from pg_auth_members where roleid = 'ems_door'::regrole"
    ).fetchall()
    assert rows == []


def test_elevated_functions_have_a_fixed_path_and_one_caller(catalog: psycopg.Connection[Any]) -> None:
    rows = catalog.execute(
        """select p.proname, pg_get_userbyid(p.proowner)::text, p.proconfig,
                  has_function_privilege('ems_app', p.oid, 'EXECUTE'),
                  has_function_privilege('public', p.oid, 'EXECUTE')
           from pg_proc p join pg_namespace n on n.oid = p.pronamespace
           where n.nspname = 'public' and p.prosecdef"""
    ).fetchall()
    assert {row[0] for row in rows} == {"credential", "edge_poll", "invitation", "memberships", "org_ids"}
    for _, owner, settings, app, public in rows:
        assert (owner, settings) == ("ems_door", ["search_path=public, pg_temp"])
        assert (app, public) == (True, False)


def test_the_doors_role_reads_no_password(catalog: psycopg.Connection[Any]) -> None:
    row = catalog.execute(
        """select has_column_privilege('ems_door', 'auth_user', 'username', 'SELECT'),
                  has_column_privilege('ems_door', 'auth_user', 'password', 'SELECT')"""
    ).fetchone()
    assert row == (True, False)


@pytest.mark.parametrize("role", [database.SUPERUSER, database.OWNER])
def test_the_server_refuses_to_run_as(template: Database, role: str) -> None:
    with (
        psycopg.connect(template.place.url(role, template.name)) as session,
        pytest.raises(ImproperlyConfigured, match="only runs as ems_app"),
    ):
        database_roles.refuse_unsafe_role(session.cursor())


@pytest.mark.parametrize("grant", ["ALTER ROLE {role} BYPASSRLS", "GRANT ems_door TO {role}"])
def test_the_server_refuses_a_role_that_could_get_around(template: Database, grant: str) -> None:
    role = sql.Identifier("ems_impostor")
    with psycopg.connect(template.superuser_url) as admin:
        admin.execute(sql.SQL("CREATE ROLE {role}").format(role=role))
        admin.execute(sql.SQL(grant).format(role=role))
        admin.execute(sql.SQL("SET LOCAL SESSION AUTHORIZATION {role}").format(role=role))
        with pytest.raises(ImproperlyConfigured):
            database_roles.refuse_unsafe_role(admin.cursor())
        admin.rollback()


def test_the_server_runs_as_the_application(template: Database) -> None:
    with psycopg.connect(template.url) as session:
        database_roles.refuse_unsafe_role(session.cursor())


def test_a_child_cannot_name_another_organizations_parent(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="in_org"), tenancy.scope([cast.acme.id, cast.birch.id]):
        Edge.objects.create(
            organization=cast.acme, site=cast.birch_main, edge_id="acme-main-9", created_at=NOW
        )


def test_a_key_cannot_name_another_organizations_edge(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="in_org"), tenancy.scope([cast.acme.id]):
        EdgeKey.objects.create(
            organization=cast.acme, edge=cast.birch_edge, key_id="k", mac=b"", pepper=1, created_at=NOW
        )


def test_a_person_has_one_role_in_one_place(cast: Cast) -> None:
    with pytest.raises(IntegrityError, match="edges_membership_once"), tenancy.scope([cast.acme.id]):
        Membership.objects.create(user=cast.alice, organization=cast.acme, role="viewer")


def test_every_tenant_model_is_filtered_by_its_manager() -> None:
    for model in models_of_tenants():
        assert isinstance(model._default_manager, tenancy.TenantManager), model._meta.label
    assert len(models_of_tenants()) > len([m for m in apps.get_models() if m._meta.app_label == "edges"]) - 3
