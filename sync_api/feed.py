"""Hears PostgreSQL's NOTIFY and lets the sockets of this process know.

A notice is a hint: it only marks what must be read. Marks of the same kind for the same organization melt
together, so a burst of publishing costs one read. A missed number, a lost connection or a silence marks
everything.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg
from django.db import DatabaseError
from psycopg import AsyncConnection, Notify
from psycopg_pool import PoolTimeout

from doors.metrics import FEED_GAPS
from edges.notices import COUNTER
from sync_api import fan_out
from sync_api.registry import Registry
from sync_api.sequence import Heard, Sequence
from sync_api.sockets import Close

NOTICES, SOCKETS = "ems_notices", "ems_sockets"
# After this long without a notice the counter is asked, which also proves that the connection lives.
SILENCE_SECONDS = 15.0
RETRY_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)

logger = logging.getLogger("ems.feed")

Act = Callable[[Registry, UUID], Awaitable[None]]
# Keys before configuration: who may not hear is gone before there is something to hear.
ACTS: dict[str, Act] = {
    "revoked": fan_out.keys_changed,
    "rotated": fan_out.keys_changed,
    "published": fan_out.published,
    "request": fan_out.requested,
}


class Feed:
    """One LISTEN connection and one worker, on one event loop."""

    def __init__(self, registry: Registry, conninfo: str, silence_seconds: float = SILENCE_SECONDS) -> None:
        self.registry = registry
        self.conninfo = conninfo
        self.silence_seconds = silence_seconds
        self.listening = asyncio.Event()
        self.sequence = Sequence()
        self._marked: dict[UUID, set[str]] = {}
        self._trust_marked = False
        self._trust_root = 0
        self._work = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen_for_ever())
            tasks.create_task(self._act_for_ever())

    # -- hearing ----------------------------------------------------------------------------------------

    async def _listen_for_ever(self) -> None:
        failures = 0
        while True:
            try:
                async with await AsyncConnection.connect(self.conninfo, autocommit=True) as connection:
                    await self._start(connection)
                    failures = 0
                    await self._hear(connection)
            except psycopg.Error as lost:
                logger.warning("LISTEN connection lost: %s", lost)
            finally:
                self.listening.clear()
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
            failures += 1

    async def _start(self, connection: AsyncConnection[tuple[object, ...]]) -> None:
        """Listen first and count then: what commits in between is heard, as old."""
        await connection.execute(f"LISTEN {NOTICES}")
        await connection.execute(f"LISTEN {SOCKETS}")
        self.sequence.restart(await self._counter(connection))
        self.mark_everything()
        self.listening.set()

    async def _hear(self, connection: AsyncConnection[tuple[object, ...]]) -> None:
        while True:
            async for notify in connection.notifies(timeout=self.silence_seconds):
                self.heard(notify)
            if self.sequence.hear(await self._counter(connection)) is not Heard.OLD:
                self.mark_everything()

    async def _counter(self, connection: AsyncConnection[tuple[object, ...]]) -> int:
        cursor = await connection.execute(COUNTER)
        row = await cursor.fetchone()
        return int(str(row[0])) if row else 0

    def heard(self, notify: Notify) -> None:
        """Mark what a notification tells; one that nobody of ours wrote marks everything."""
        try:
            told = json.loads(notify.payload)
            if notify.channel == SOCKETS:
                self._heard_socket(UUID(told["edge"]), str(told["mark"]))
            else:
                self._heard_notice(int(told["seq"]), str(told["kind"]), told["org"])
        except (ValueError, TypeError, KeyError):
            logger.warning("a notification on %s that cannot be read: %.200r", notify.channel, notify.payload)
            self.mark_everything()

    def _heard_notice(self, number: int, kind: str, organization: str | None) -> None:
        heard = self.sequence.hear(number)
        if heard is Heard.GAP:
            FEED_GAPS.add()
            self.mark_everything()
        elif heard is Heard.NEXT:
            self.mark(None if organization is None else UUID(organization), kind)

    def _heard_socket(self, edge_uid: UUID, mark: str) -> None:
        """All processes hear the announcements in one order: the last one announced keeps the edge."""
        socket = self.registry.of_edge(edge_uid)
        if socket is None:
            return
        if socket.mark == mark:
            socket.announced = True
        elif socket.announced:
            socket.close(Close.REPLACED)

    # -- marking ----------------------------------------------------------------------------------------

    def mark(self, organization_id: UUID | None, kind: str) -> None:
        if kind == "trust":
            self._trust_marked = True
        elif organization_id is not None and kind in ACTS:
            self._marked.setdefault(organization_id, set()).add(kind)
        self._work.set()

    def mark_everything(self) -> None:
        for organization_id in self.registry.organizations():
            self._marked[organization_id] = set(ACTS)
        self._trust_marked = True
        self._work.set()

    # -- acting -----------------------------------------------------------------------------------------

    async def _act_for_ever(self) -> None:
        failures = 0
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._act()
                failures = 0
            except (DatabaseError, PoolTimeout) as lost:
                logger.warning("the feed could not read: %s", lost)
                self.mark_everything()
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1

    async def _act(self) -> None:
        marked, self._marked = self._marked, {}
        trust, self._trust_marked = self._trust_marked, False
        for organization_id, kinds in marked.items():
            for act in dict.fromkeys(act for kind, act in ACTS.items() if kind in kinds):
                await act(self.registry, organization_id)
        if trust:
            self._trust_root = await fan_out.trust_changed(self.registry, told=self._trust_root)
