"""The database from the event loop: a small pool for polls, the address for LISTEN, threads for the ORM."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import connections
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

# What Django keeps among a connection's parameters that is none of libpq's.
NOT_LIBPQ = {
    "pool",
    "cursor_factory",
    "context",
    "prepare_threshold",
    "isolation_level",
    "server_side_binding",
}
POOL_SIZE = 6
WAIT_SECONDS = 2.0
# A server that vanished without a word is noticed within half a minute.
KEEPALIVES = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}

Pool = AsyncConnectionPool[AsyncConnection[tuple[object, ...]]]


def conninfo() -> str:
    """Where Django's default connection leads."""
    parameters = connections["default"].get_connection_params()
    return make_conninfo(**{name: value for name, value in parameters.items() if name not in NOT_LIBPQ})


def listen_conninfo() -> str:
    """LISTEN needs a connection of its own that no transaction pooler shares."""
    return make_conninfo(settings.DATABASE_DIRECT_URL or conninfo(), **KEEPALIVES)


def make_pool() -> Pool:
    """Closed still; opening it does not wait for the database."""
    return AsyncConnectionPool(
        conninfo(),
        min_size=1,
        max_size=POOL_SIZE,
        timeout=WAIT_SECONDS,
        kwargs={"autocommit": True},
        open=False,
        name="polls",
    )


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_thread(act: Callable[Arguments, Result]) -> Callable[Arguments, Awaitable[Result]]:
    """`act` with the ORM in a thread of its own: the work of sockets is many small acts."""
    run: Callable[Arguments, Awaitable[Result]] = database_sync_to_async(act, thread_sensitive=False)
    return run
