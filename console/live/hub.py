"""Hears the hints of PostgreSQL for all browser sockets of this process, and proves their people again."""

import asyncio
import json
import logging
from uuid import UUID

import psycopg
from django.db import DatabaseError
from psycopg import AsyncConnection
from psycopg_pool import PoolTimeout

from console.live.people import prove
from console.live.sockets import Close, PersonSocket
from doors.listening import RETRY_SECONDS, in_thread, listen_conninfo
from edges.hints import CHANNEL, Hint

# With the second in which hints melt this stays below the five in which whoever was revoked is gone.
PROVE_SECONDS = 3.0
MOST_SOCKETS = 500
MOST_A_PERSON = 20

logger = logging.getLogger("ems.live")


class Hub:
    """Belongs to the event loop of its first socket; asks nothing of the database before that."""

    def __init__(self) -> None:
        self._sockets: set[PersonSocket] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._listening = asyncio.Event()

    def room_for(self, user_id: int) -> Close | None:
        """None, or why there is none."""
        if len(self._sockets) >= MOST_SOCKETS:
            return Close.OVERLOADED
        own = sum(socket.listener.principal.user_id == user_id for socket in self._sockets)
        return Close.TOO_MANY if own >= MOST_A_PERSON else None

    async def add(self, socket: PersonSocket) -> None:
        """From when this returns, nothing that commits is missed."""
        self._sockets.add(socket)
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._listen()), loop.create_task(self._prove())]
        await self._listening.wait()

    def remove(self, socket: PersonSocket) -> None:
        self._sockets.discard(socket)

    async def stop(self) -> None:
        for socket in self._sockets:
            socket.close(Close.RESTART)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._listening.clear()

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with await AsyncConnection.connect(listen_conninfo(), autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    if self._listening.is_set():  # again: what was said in between nobody heard
                        self._tell_everything()
                    self._listening.set()
                    failures = 0
                    async for notify in connection.notifies():
                        self.heard(notify.payload)
            except psycopg.Error as lost:
                logger.warning("LISTEN connection of the live sockets lost: %s", lost)
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
            failures += 1

    def heard(self, payload: str) -> None:
        try:
            hint = hint_of(payload)
        except (ValueError, TypeError, KeyError):
            logger.warning("a hint that cannot be read: %.200r", payload)
            return
        for socket in self._sockets:
            socket.offer(hint)

    def _tell_everything(self) -> None:
        for socket in self._sockets:
            socket.offer_everything()

    async def _prove(self) -> None:
        while True:
            await asyncio.sleep(PROVE_SECONDS)
            sockets = list(self._sockets)
            if not sockets:
                continue
            try:
                found = await in_thread(prove)(frozenset(socket.proof for socket in sockets))
            except (psycopg.Error, DatabaseError, PoolTimeout) as away:
                logger.warning("the people of the live sockets cannot be proven: %s", away)
                for socket in sockets:  # who cannot be proven hears nothing
                    socket.close(Close.OVERLOADED)
                continue
            for socket in sockets:
                socket.renew(found[socket.proof])


def hint_of(payload: str) -> Hint:
    """Errors: ValueError, TypeError, KeyError for what is none."""
    told = json.loads(payload)
    sites = None if told["sites"] is None else frozenset(map(UUID, told["sites"]))
    return Hint(told["changed"], UUID(told["org"]), sites, str(told["subject"]))


hub = Hub()
