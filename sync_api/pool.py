"""The database from the event loop: a small pool for polls."""

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from doors.listening import conninfo, in_thread, listen_conninfo

__all__ = ["Pool", "conninfo", "in_thread", "listen_conninfo", "make_pool"]

POOL_SIZE = 6
WAIT_SECONDS = 2.0

Pool = AsyncConnectionPool[AsyncConnection[tuple[object, ...]]]


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
