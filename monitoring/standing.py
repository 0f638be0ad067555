"""The jobs that every organization always has: silence, and the samples of service levels."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connection

from edges import tenancy
from monitoring import looking, sampling

_ENSURE = """
INSERT INTO configs_job (kind, organization_id, subject, due_at, created_at, attempts, error)
SELECT kind, organization, organization, %(now)s, %(now)s, 0, ''
  FROM unnest(%(organizations)s::uuid[]) AS o (organization), unnest(%(kinds)s::text[]) AS k (kind)
 WHERE NOT EXISTS (SELECT 1 FROM configs_job j WHERE j.organization_id = organization
                      AND j.subject = organization AND j.kind = k.kind)
"""


def ensure(organizations: Collection[UUID], now: datetime) -> None:
    """A new organization gets its jobs; twice is no harm, for jobs of one subject melt together."""
    with tenancy.scope(organizations), connection.cursor() as cursor:
        kinds = [looking.SILENCE, sampling.KIND]
        cursor.execute(_ENSURE, {"organizations": list(organizations), "kinds": kinds, "now": now})
