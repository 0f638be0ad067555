"""Writes down what this process has answered, for the availability of the API."""

import asyncio
import logging
from datetime import UTC, datetime

from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from doors import metrics
from monitoring import serving
from sync_api.pool import in_thread

EVERY_SECONDS = 60.0

logger = logging.getLogger("ems.served")


async def run() -> None:
    """Until cancelled. What cannot be written now is written with the next."""
    told = metrics.answered()
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        seen = metrics.answered()
        if seen == told:
            continue
        try:
            await in_thread(serving.add)(
                answered=seen[0] - told[0], failed=seen[1] - told[1], now=datetime.now(UTC)
            )
        except (DatabaseError, PoolTimeout) as lost:
            logger.warning("what was answered is not written down yet: %s", lost)
        else:
            told = seen
