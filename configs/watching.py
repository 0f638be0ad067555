"""What edges say, what rollouts do and what became of plans: a job of the organization for its alerts.

The rows name who is to be looked at, never what to think of it; `monitoring` looks at the facts as they are.
"""

from datetime import datetime
from uuid import UUID

from django.db import connection

from configs.jobs import CHANNEL

KIND = "alerts"

_TELL = """
WITH made AS (
    INSERT INTO configs_job (kind, organization_id, subject, about, due_at, created_at, attempts, error)
    VALUES (%s, %s, %s, %s, %s, %s, 0, '') RETURNING 1
)
SELECT pg_notify(%s, %s) FROM made
"""


def look(*, organization_id: UUID, now: datetime, edge_uid: UUID | None = None) -> None:
    """Look at this edge; None: at rollouts, holds and plans alone. In the caller's transaction; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_TELL, [KIND, organization_id, organization_id, edge_uid, now, now, CHANNEL, KIND])
