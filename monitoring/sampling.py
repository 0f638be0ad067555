"""Service levels, written down every five minutes and read back over any time."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from configs import jobs
from edges import tenancy
from monitoring import service_levels
from monitoring.models import LevelSample

KIND = "levels"
EVERY = timedelta(minutes=5)
KEPT = timedelta(days=400)


def sample(*, organization_id: UUID, now: datetime) -> None:
    """Purpose: the six service levels as they are, one row each; what is older than 400 days goes.

    The next is due at the next whole five minutes. Errors: none.
    """
    at = datetime.fromtimestamp(now.timestamp() // EVERY.total_seconds() * EVERY.total_seconds(), now.tzinfo)
    with tenancy.scope([organization_id]):
        rows = [
            LevelSample(
                organization_id=organization_id,
                metric=one["name"],
                at=at,
                value=one["value"],
                counted=one["counted"],
            )
            for one in service_levels.measured(organization_id, now)
        ]
        LevelSample.objects.bulk_create(rows, ignore_conflicts=True)
        LevelSample.objects.filter(at__lt=now - KEPT).delete()
        jobs.add(
            kind=KIND, organization_id=organization_id, subject=organization_id, now=now, due_at=at + EVERY
        )


# Of a step the mean of the shares, but the worst of the latencies: a mean of percentiles means nothing.
_SERIES = """
SELECT metric, date_bin(make_interval(secs => %(step)s), at, %(begin)s) AS bin, avg(value), max(value),
       max(counted)
  FROM monitoring_levelsample
 WHERE organization_id = %(organization)s AND at >= %(begin)s AND at < %(end)s
 GROUP BY 1, 2 ORDER BY 1, 2
"""


def series(organization_id: UUID, *, begin: datetime, end: datetime, step: timedelta) -> list[dict[str, Any]]:
    """Purpose: each service level over time. One query. Needs a scope. Errors: none.

    Shape: [{name, target, unit, points: [{at, value, counted}]}]; value None: nothing to measure.
    """
    parameters: dict[str, Any] = {
        "organization": organization_id, "begin": begin, "end": end, "step": step.total_seconds(),
    }  # fmt: skip
    points: dict[str, list[dict[str, Any]]] = {name: [] for name, _, _ in service_levels.LEVELS}
    units = {name: unit for name, _, unit in service_levels.LEVELS}
    with connection.cursor() as cursor:
        cursor.execute(_SERIES, parameters)
        for metric, at, mean, worst, counted in cursor.fetchall():
            value = mean if units.get(metric) == service_levels.SHARE else worst
            shown = None if value is None else round(value, 4)
            points.setdefault(metric, []).append({"at": at, "value": shown, "counted": counted})
    return [
        {"name": name, "target": target, "unit": unit, "points": points[name]}
        for name, target, unit in service_levels.LEVELS
    ]
