"""One embedded PostgreSQL a session; every test runs as the application's role, never as the owner.

`db` (pytest-django's): rolled back after the test. `fresh_database`: a clone of one's own, for servers and
for tests that must commit; `committed` repoints Django's connection to such a clone.
"""

import contextlib
import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from psycopg import sql
from pytest_django import DjangoDbBlocker

from ems import database, database_roles, setting_up
from tests import build
from tests.databases import Database, clone, pointed_at
from tests.processes import ServerProcess, start_server

REPOSITORY = Path(__file__).resolve().parent.parent
MIGRATED_BY = ("*/migrations/*.py", "edges/row_security.py", "ems/database_roles.py", "ems/setting_up.py")
# A test database is made again when it is lost: nothing waits for the disk.
UNSAFE_BUT_FAST = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")
# How long one example takes says how loaded the machine is, and nothing of what is asserted.
hypothesis.settings.register_profile("without a clock", deadline=None)
hypothesis.settings.load_profile("without a clock")

# Folders whose tests mostly wait: for probations, timeouts and cycles of processes. The longest come first.
WAITING = ("walks", "faults", "edge_agent", "edge_runtime")
# Many that take no time: what is left for the end, when no worker is to be alone with something long.
SHORT = ("edge_protocol", "house")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait are spread among those that compute: workers side by side leave no core idle."""
    folders = {item.path: item.path.relative_to(REPOSITORY / "tests").parts[0] for item in items}
    waiting = sorted(
        (path for path, folder in folders.items() if folder in WAITING),
        key=lambda path: WAITING.index(folders[path]),
    )
    short = [path for path, folder in folders.items() if folder in SHORT]
    computing = [path for path in folders if path not in {*waiting, *short}]
    place = dict.fromkeys(short, 1.0)
    for group in (waiting, computing):
        place |= {path: index / len(group) for index, path in enumerate(group)}
    items.sort(key=lambda item: place[item.path])


@pytest.fixture(scope="session")
def cluster() -> Iterator[database.Cluster]:
    # Tests that run side by side have a server each: the first to end must not stop the others'.
    with database.supervised(settings.EMS_VAR / f"test{os.environ.get('PYTEST_XDIST_WORKER', '')}") as place:
        with psycopg.connect(place.url(database.SUPERUSER, "postgres"), autocommit=True) as admin:
            for line in UNSAFE_BUT_FAST:
                admin.execute(f"ALTER SYSTEM SET {line}")
            admin.execute("SELECT pg_reload_conf()")
            database_roles.create_roles(admin, login_owner=True)
        yield place


def _migrations_digest() -> str:
    files = sorted(itertools.chain.from_iterable(REPOSITORY.glob(pattern) for pattern in MIGRATED_BY))
    content = b"".join(file.name.encode() + file.read_bytes() for file in files if ".venv" not in file.parts)
    return hashlib.sha256(content).hexdigest()[:16]


@pytest.fixture(scope="session")
def template(cluster: database.Cluster, django_db_blocker: DjangoDbBlocker) -> Database:
    """A migrated database that nobody writes to; kept between sessions until a migration changes."""
    made = Database(cluster, f"template_{_migrations_digest()}")
    with psycopg.connect(cluster.url(database.SUPERUSER, "postgres"), autocommit=True) as admin:
        databases = [
            row[0] for row in admin.execute("select datname from pg_database where not datistemplate")
        ]
        if made.name in databases:
            return made
        for old in databases:
            if old != "postgres":
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(old)))
        half = Database(cluster, "half_made")
        database_roles.create_database(admin, half.name)
        with django_db_blocker.unblock(), pointed_at(half):
            setting_up.prepare_database(
                admin_url=half.superuser_url,
                owner_url=half.owner_url,
                app_url=half.url,
                migrate=lambda: call_command("migrate", database="owner", interactive=False, verbosity=0),
            )
        admin.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                sql.Identifier(half.name), sql.Identifier(made.name)
            )
        )
    return made


@pytest.fixture(scope="session")
def django_db_setup(template: Database, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """In place of pytest-django's own: as the application's role, in a clone of the template."""
    with clone(template, f"tests_{os.getpid()}") as shared, pointed_at(shared), django_db_blocker.unblock():
        yield


_numbers = itertools.count(1)


@pytest.fixture
def fresh_database(template: Database) -> Iterator[Database]:
    """A migrated, empty database of this test's own: what is committed in it is seen by real servers."""
    with clone(template, f"fresh_{os.getpid()}_{next(_numbers)}") as own:
        yield own


@pytest.fixture
def committed(fresh_database: Database, django_db_blocker: DjangoDbBlocker) -> Iterator[Database]:
    """Django writes into a database of this test's own, and commits. Not together with `db`."""
    with django_db_blocker.unblock(), pointed_at(fresh_database):
        yield fresh_database


@pytest.fixture
def live_server_process() -> Iterator[Callable[..., ServerProcess]]:
    """`live_server_process(database, **environment)`: a real uvicorn, stopped after the test."""
    with contextlib.ExitStack() as stack:

        def start(target: Database, **environment: str) -> ServerProcess:
            return stack.enter_context(start_server(target.url, settings.EMS_VAR, environment))

        yield start


@pytest.fixture
def cast(db: None) -> build.Cast:
    """Acme with two sites, an edge each; Birch with one. Alice owns Acme, Bob views it, Charlie nothing."""
    return build.make_cast()
