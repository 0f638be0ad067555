"""The database from the event loop: the addresses of its connections, and threads for the ORM."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import connections
from psycopg.conninfo import make_conninfo

# What Django keeps among a connection's parameters that is none of libpq's.
NOT_LIBPQ = {
    "pool",
    "cursor_factory",
    "context",
    "prepare_threshold",
    "isolation_level",
    "server_side_binding",
}
# A server that vanished without a word is noticed within half a minute.
KEEPALIVES = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
RETRY_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)


def conninfo() -> str:
    """Where Django's default connection leads."""
    parameters = connections["default"].get_connection_params()
    return make_conninfo(**{name: value for name, value in parameters.items() if name not in NOT_LIBPQ})


def listen_conninfo() -> str:
    """LISTEN needs a connection of its own that no transaction pooler shares."""
    return make_conninfo(settings.DATABASE_DIRECT_URL or conninfo(), **KEEPALIVES)


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_thread(act: Callable[Arguments, Result]) -> Callable[Arguments, Awaitable[Result]]:
    """`act` with the ORM in a thread of its own: the work of sockets is many small acts."""
    run: Callable[Arguments, Awaitable[Result]] = database_sync_to_async(act, thread_sensitive=False)
    return run
