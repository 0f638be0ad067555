"""Forgets what no longer limits anybody: buckets that filled up long ago."""

import asyncio
import logging
from datetime import UTC, datetime

from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from doors import limits
from sync_api.pool import in_thread

EVERY_SECONDS = 3600.0

logger = logging.getLogger("ems.tidying")


async def run() -> None:
    """Until cancelled. Every process does it; doing it twice changes nothing."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await in_thread(limits.forget)(now=datetime.now(UTC))
        except (DatabaseError, PoolTimeout) as lost:
            logger.warning("old buckets were not forgotten: %s", lost)
