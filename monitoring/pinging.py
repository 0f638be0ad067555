"""The outgoing ping: while all is well a watchdog outside hears of it, so that its absence tells.

It asks that the database answers and that no job is overdue, as those of a lane that stands still would be.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from configs import jobs
from edges import tenancy
from monitoring import dialling

LATE = timedelta(minutes=10)

logger = logging.getLogger(__name__)

# A server that hears NOTIFY keeps a session whose last statement was this one; sessions of one role see it.
_FEED = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query = %s)"


def trouble(now: datetime, *, listens: str) -> str:
    """Why the cloud is not well, in words; empty when it is. `listens`: the statement of a server's feed."""
    with tenancy.scope(jobs.organizations()), connection.cursor() as cursor:
        due_at = jobs.next_due_at()
        cursor.execute(_FEED, [listens])
        (hears,) = cursor.fetchone()
    if due_at is not None and now - due_at > LATE:
        return f"a job has been due since {due_at.isoformat()}"
    return "" if hears else "no server hears the feed"


def ping(now: datetime, *, listens: str) -> bool:
    """Purpose: tell the watchdog that all is well. True when it was told. Errors: none; they are logged."""
    if not settings.PING_URL:
        return False
    why = trouble(now, listens=listens)
    if why:
        logger.error("no ping: %s", why)
        return False
    try:
        answer = dialling.call("GET", settings.PING_URL, to_private=settings.WEBHOOKS_TO_PRIVATE)
    except dialling.NotDialledError as lost:
        logger.warning("the ping was not heard: %s", lost)
        return False
    return answer.is_good
