"""The three database roles: the owner migrates, the application serves, the doors' role owns a few functions.

They are made by whoever may create roles: the superuser of an embedded server, or the owner of a hosted
database when it has CREATEROLE. `refuse_unsafe_role` is what every server process asks before it answers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg import sql

from ems.database import APP, DATABASE, DOOR, OWNER

UNSAFE = """
select r.rolsuper, r.rolbypassrls,
       exists (select from pg_class c where c.relowner = r.oid and c.relkind in ('r', 'p')),
       pg_has_role(r.oid, d.oid, 'MEMBER')
from pg_roles r left join pg_roles d on d.rolname = %s
where r.rolname = current_user
"""


def refuse_unsafe_role(cursor: Any) -> None:
    """Raise ImproperlyConfigured when row level security would not bind the role that this cursor runs as."""
    cursor.execute(UNSAFE, [DOOR])
    reasons = ("is a superuser", "may bypass row level security", "owns tables", f"is a member of {DOOR}")
    found = [reason for reason, true in zip(reasons, cursor.fetchone(), strict=True) if true]
    if found:
        raise ImproperlyConfigured(
            f"DATABASE_URL logs in as a role that {' and '.join(found)}: the server only runs as {APP}."
        )


def prepare_embedded(superuser_url: str) -> None:
    """Roles and database of an embedded server; safe to repeat."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        create_roles(connection, login_owner=True)
        if not connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone():
            create_database(connection, DATABASE)


def create_database(connection: psycopg.Connection[Any], name: str, template: str = "template0") -> None:
    """A database of the owner's, as a copy of `template`."""
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template)
        )
    )


def create_roles(connection: psycopg.Connection[Any], *, login_owner: bool, app_url: str = "") -> None:
    """The roles that do not exist yet; on a hosted database the application's password is its address's."""
    parts = urlsplit(app_url)
    password = unquote(parts.password or "") if unquote(parts.username or "") == APP else ""
    wanted = [(APP, "LOGIN", password), (DOOR, "NOLOGIN", "")]
    if login_owner:
        wanted.append((OWNER, "LOGIN", ""))
    for role, login, secret in wanted:
        if connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
            continue
        statement = sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), sql.SQL(login))
        if secret:
            statement += sql.SQL(" PASSWORD {}").format(sql.Literal(secret))
        connection.execute(statement)


def grant_application(connection: psycopg.Connection[Any], owner: str) -> None:
    """What the application may do with all that the owner makes from now on.

    No TRUNCATE, which ignores policies.

    To be run by the owner, in the application's database, before the first migration.
    """
    by_owner = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} ").format(sql.Identifier(owner))
    app = sql.Identifier(APP)
    for statement in (
        by_owner
        + sql.SQL("IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}").format(app),
        by_owner + sql.SQL("IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {}").format(app),
        by_owner + sql.SQL("REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"),
        by_owner + sql.SQL("IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO {}").format(app),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}, {}").format(app, sql.Identifier(DOOR)),
    ):
        connection.execute(statement)


@contextmanager
def door_membership(admin: psycopg.Connection[Any], owner: str) -> Iterator[None]:
    """While it lasts the owner may hand functions to the doors' role; afterwards nobody is its member."""
    names = {"door": sql.Identifier(DOOR), "owner": sql.Identifier(owner)}
    admin.execute(sql.SQL("GRANT {door} TO {owner}").format(**names))
    try:
        yield
    finally:
        admin.execute(sql.SQL("REVOKE {door} FROM {owner}").format(**names))
