"""What edges report, and what becomes of them, wakes the rollouts that wait for it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from configs.jobs import CHANNEL

KIND = "rollout"
# Columns of an edge's status by which a rollout goes on.
TELLING = frozenset({"phase", "staged", "last_attempt", "local_hold"})

# One statement, and nothing is said where no rollout watches the edge.
_WAKE = """
WITH made AS (
    INSERT INTO configs_job (kind, organization_id, subject, about, due_at, created_at, attempts, error)
    SELECT %(kind)s, t.organization_id, t.rollout_id, t.edge_id, %(now)s, %(now)s, 0, ''
      FROM configs_rollouttarget t
     WHERE t.edge_id = %(edge)s AND t.is_watched AND t.organization_id = %(organization)s
 RETURNING 1
)
SELECT pg_notify(%(channel)s, %(kind)s) FROM made LIMIT 1
"""


def reported(*, organization_id: UUID, edge_uid: UUID, now: datetime) -> None:
    """Purpose: an edge said something new, was retired or was moved. Needs a scope. One query."""
    parameters: dict[str, Any] = {
        "kind": KIND,
        "now": now,
        "edge": edge_uid,
        "organization": organization_id,
        "channel": CHANNEL,
    }
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, parameters)
