"""From an empty PostgreSQL to a database that the server can serve. Every step may be repeated."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from configs import founding, registry
from edges.models import TrustRoot
from ems import database, database_roles
from ems.env import Environment


def prepare_database(*, admin_url: str, owner_url: str, app_url: str, migrate: Callable[[], object]) -> None:
    """Roles, privileges and migrations. `admin_url`: who may create roles, in the application's database.

    Errors: psycopg's own when the server is unreachable or the administrator may not create roles.
    """
    with (
        psycopg.connect(admin_url, autocommit=True) as admin,
        psycopg.connect(owner_url, autocommit=True) as owner,
    ):
        owner_name = owner.info.user
        database_roles.create_roles(admin, login_owner=False, app_url=app_url)
        database_roles.grant_application(owner, owner_name)
        with database_roles.door_membership(admin, owner_name):
            migrate()
        # What was migrated is the owner's to say; the application only reads it.
        owner.execute(f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {database.APP}")
    with psycopg.connect(app_url) as app:
        database_roles.refuse_unsafe_role(app.cursor())


def found() -> int:
    """What the server signs with and what devices are known by: root 1 and the shipped device profiles.

    Gives the number of the newest revision of the profile registry. Edges keep the one they are pinned to.
    """
    now = datetime.now(UTC)
    signing_key = Path(settings.EMS_SIGNING_KEY_FILE)
    founding.found_trust(
        signing_key=signing_key,
        root_key=_root_key(signing_key),
        now=now,
        random_bytes=os.urandom,
    )
    return registry.ship(now=now)


def _root_key(signing_key: Path) -> Path:
    if settings.EMS_ROOT_KEY_FILE:
        return Path(settings.EMS_ROOT_KEY_FILE)
    if settings.PRODUCTION and not TrustRoot.objects.exists():
        raise ImproperlyConfigured("Set EMS_ROOT_KEY_FILE: the first set-up signs root 1 with it.")
    return signing_key.with_name("root-1.key")


def set_up_database() -> None:
    """The database that the settings name. An embedded one must be running."""
    if settings.EMBEDDED_DATABASE:
        place = database.cluster(settings.EMS_VAR)
        database_roles.prepare_embedded(place.url(database.SUPERUSER, "postgres"))
        admin, owner, app = (place.url(role) for role in (database.SUPERUSER, database.OWNER, database.APP))
    else:
        environment = Environment()
        owner = admin = environment.text("DATABASE_OWNER_URL")
        app = environment.text("DATABASE_URL")
        if not owner:
            raise ImproperlyConfigured("Set DATABASE_OWNER_URL: set-up migrates as the owner of the tables.")
        if urlsplit(app).username != database.APP:
            raise ImproperlyConfigured(f"DATABASE_URL must log in as {database.APP}.")
    prepare_database(
        admin_url=admin,
        owner_url=owner,
        app_url=app,
        migrate=lambda: call_command("migrate", database="owner", interactive=False, verbosity=0),
    )
