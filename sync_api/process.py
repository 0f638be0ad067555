"""What one server process keeps while it serves: the poll pool, the registry of sockets, the feed, the notes
of last use.

Channels' router has no lifespan and daphne sends none: who needs the process calls `ensure_started`, which
the lifespan in ems/asgi.py does first where there is one.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any
from uuid import uuid4

from doors.metrics import FEED_LISTENING, SOCKETS
from sync_api import pool, served, tidying
from sync_api.feed import Feed
from sync_api.last_seen import LastSeen
from sync_api.polls import Polls
from sync_api.registry import Registry
from sync_api.sockets import CLOSE_SECONDS, Close

logger = logging.getLogger("ems.process")


class NotStartedError(RuntimeError):
    """Something was asked of the process before `ensure_started`: always a bug."""


class Process:
    """Belongs to the event loop that starts it."""

    def __init__(self) -> None:
        self.name = uuid4().hex
        self.registry = Registry()
        self.last_seen = LastSeen()
        self._polls: Polls | None = None
        self._pool: pool.Pool | None = None
        self._feed: Feed | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._starting: asyncio.Lock | None = None

    @property
    def polls(self) -> Polls:
        if self._polls is None:
            raise NotStartedError
        return self._polls

    @property
    def pool(self) -> pool.Pool:
        if self._pool is None:
            raise NotStartedError
        return self._pool

    async def ensure_started(self) -> None:
        if self._feed is not None:
            return
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if self._feed is None:
                await self._start()

    async def _start(self) -> None:
        """Waits for nothing: while the database is away, Django says so and the feed tries again."""
        self._pool = pool.make_pool()
        await self._pool.open(wait=False)
        self._polls = Polls(self._pool)
        self._feed = feed = Feed(self.registry, pool.listen_conninfo())
        self._run(feed.run(), "feed")
        self._run(self.last_seen.run(), "last seen")
        self._run(tidying.run(), "tidying")
        self._run(served.run(), "served")
        SOCKETS.read = lambda: float(len(self.registry))
        FEED_LISTENING.read = lambda: float(feed.listening.is_set())

    def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(complain)
        self._tasks.append(task)

    async def stop(self) -> None:
        """Every socket is told to come back (1012), then everything ends."""
        for socket in self.registry.all():
            socket.close(Close.RESTART)
        await self._sockets_gone()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._pool is not None:
            await self._pool.close()
        self._tasks, self._polls, self._pool, self._feed = [], None, None, None

    async def _sockets_gone(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                for socket in self.registry.all():
                    await socket.written()
        except TimeoutError:
            logger.warning("%d sockets did not take their goodbye", len(self.registry))


def complain(task: "asyncio.Task[None]") -> None:
    """A task that should run for ever ended by itself: a bug, logged whole."""
    if not task.cancelled() and (failed := task.exception()) is not None:
        logger.critical("%s ended", task.get_name(), exc_info=failed)


process = Process()
