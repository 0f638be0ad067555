"""Whether the cloud itself is well; and the outgoing ping: while it is, a watchdog outside hears of it.

It is asked whether the database answers, whether a job is overdue, as those of a lane that stands still would
be, whether a worker and a server that hears the feed are there, and whether e-mails go out.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from configs import jobs
from edges import tenancy
from monitoring import dialling

LATE = timedelta(minutes=10)
STUCK = timedelta(minutes=30)

logger = logging.getLogger(__name__)

# A server that hears NOTIFY keeps a session whose last statement was this one, and so does each lane of a
# worker; sessions of one role see it. Jobs and messages are those of the scope.
_ASK = """
SELECT (SELECT min(due_at) FROM configs_job WHERE organization_id = ANY(%(organizations)s::uuid[])),
       EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query = %(feed)s),
       EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query = %(worker)s),
       (SELECT min(d.created_at) FROM monitoring_delivery d
          JOIN monitoring_recipient r ON r.id = d.recipient_id AND r.organization_id = d.organization_id
         WHERE d.organization_id = ANY(%(organizations)s::uuid[]) AND d.state = 'waiting'
           AND r.kind = 'email')
"""


@dataclass(frozen=True, slots=True)
class Signs:
    """Of life. `due_at`: of the job that has waited longest; `mail_since`: of the e-mail that has."""

    due_at: datetime | None
    hears: bool
    works: bool
    mail_since: datetime | None


def signs(*, listens: str) -> Signs:
    """What shows of the cloud's health, in the scope. `listens`: as a server's feed does. One query."""
    parameters: dict[str, Any] = {
        "organizations": list(tenancy.current()),
        "feed": listens,
        "worker": f"LISTEN {jobs.CHANNEL}",
    }
    with connection.cursor() as cursor:
        cursor.execute(_ASK, parameters)
        return Signs(*cursor.fetchone())


def troubles(found: Signs, now: datetime) -> list[str]:
    """What is wrong with the cloud itself, a sentence each, for people. Pure."""
    told = []
    if not found.works:
        told.append(
            "No worker is running: nothing is watched, published on time or sent until one is. "
            "What you see below may be old."
        )
    if found.due_at is not None and now - found.due_at > LATE:
        told.append(f"Work has been waiting since {_utc(found.due_at)}: alerts, rollouts and plans are late.")
    if not found.hears:
        told.append("No server hears what is published: edges learn of changes at their next poll only.")
    if found.mail_since is not None and now - found.mail_since > STUCK:
        told.append(
            f"An e-mail has been waiting since {_utc(found.mail_since)}: see the messages under Recipients "
            "for what the e-mail server said."
        )
    return told


def trouble(now: datetime, *, listens: str) -> str:
    """Why no ping may go out, in words; empty when it may. `listens`: the statement of a server's feed."""
    with tenancy.scope(jobs.organizations()):
        found = signs(listens=listens)
    if found.due_at is not None and now - found.due_at > LATE:
        return f"a job has been due since {found.due_at.isoformat()}"
    return "" if found.hears else "no server hears the feed"


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


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
