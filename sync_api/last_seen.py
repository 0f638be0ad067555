"""When keys were last used, gathered from polls that never reach Django and written once a second."""

import asyncio
import logging
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from edges import tenancy
from edges.credentials import EdgePrincipal
from edges.keys import TOUCH_EVERY
from edges.models import EdgeKey
from sync_api.pool import in_thread

FLUSH_SECONDS = 1.0

logger = logging.getLogger("ems.last_seen")


class LastSeen:
    """Loses at most a second's notes when the process dies: they are for people to read, nothing is
    decided by them.
    """

    def __init__(self) -> None:
        self._seen: dict[UUID, tuple[UUID, datetime]] = {}

    def note(self, principal: EdgePrincipal, now: datetime) -> None:
        used_at = principal.key_last_used_at
        if used_at is None or now - used_at >= TOUCH_EVERY:
            self._seen[principal.key_uid] = (principal.organization_id, now)

    async def run(self) -> None:
        """Until cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                await self.flush()
        finally:
            await self.flush()

    async def flush(self) -> None:
        if not self._seen:
            return
        seen, self._seen = self._seen, {}
        try:
            await in_thread(write)(seen)
        except (DatabaseError, PoolTimeout) as lost:
            logger.warning("%d notes of last use not written: %s", len(seen), lost)
            self._seen = {**seen, **self._seen}


def write(seen: dict[UUID, tuple[UUID, datetime]]) -> None:
    """One statement for all: the newest of the times stands for the second they were gathered in."""
    now = max(at for _, at in seen.values())
    with tenancy.scope({organization_id for organization_id, _ in seen.values()}):
        EdgeKey.objects.filter(pk__in=list(seen)).update(last_used_at=now)
