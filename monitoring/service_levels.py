"""The specification's six service levels over the last day, by their names. Four queries.

Source: lifecycle.md, "Service levels".
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

WINDOW = timedelta(days=1)
FRESH = timedelta(hours=1)

SHARE, SECONDS = "share", "seconds, 95th percentile"
# Name, target, unit: as the specification has them.
LEVELS = (
    ("Sync latency (polling)", 300, SECONDS),
    ("Sync latency (WebSocket)", 5, SECONDS),
    ("Configuration freshness", 0.999, SHARE),
    ("Rollback success rate", 1, SHARE),
    ("Sync success rate", 0.995, SHARE),
    ("API availability", 0.999, SHARE),
)

# From a version's first issue to the heartbeat that said the edge runs it, by how the edge is connected now.
_LATENCY = """
SELECT s.transport = 'websocket' AS socket, count(*),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM c.at - v.issued_at))
  FROM edges_runningchange c
  JOIN configs_version v ON v.organization_id = c.organization_id AND v.edge_id = c.edge_id
                        AND v.number = c.to_version
  JOIN edges_edgestatus s ON s.organization_id = c.organization_id AND s.edge_id = c.edge_id
 WHERE c.organization_id = %(organization)s AND c.at > %(since)s AND c.at >= v.issued_at
   AND c.to_version > c.from_version
 GROUP BY 1
"""
# Runs what is desired, or what was desired until less than an hour ago, and said so within the hour.
_FRESHNESS = """
SELECT count(*) FILTER (WHERE NOT h.held),
       count(*) FILTER (WHERE NOT h.held AND s.last_heartbeat_at > %(fresh)s
                          AND (s.running_version = h.version OR next.issued_at > %(fresh)s)),
       count(*) FILTER (WHERE h.held)
  FROM edges_edge e
  JOIN edges_edgehead h ON h.edge_id = e.id AND h.organization_id = e.organization_id
  LEFT JOIN edges_edgestatus s ON s.edge_id = e.id AND s.organization_id = e.organization_id
  LEFT JOIN configs_version next ON next.organization_id = e.organization_id AND next.edge_id = e.id
                                AND next.number = s.running_version + 1
 WHERE e.organization_id = %(organization)s AND e.stage = 'in_service'
"""
_REPORTED = """
SELECT coalesce(sum((s.sync->>'polls_scheduled')::numeric), 0),
       coalesce(sum((s.sync->>'polls_ok')::numeric), 0),
       coalesce(sum((s.sync->>'polls_failed')::numeric), 0),
       count(*) FILTER (WHERE s.last_attempt->>'status' IN ('failed', 'rolled_back', 'critical')),
       count(*) FILTER (WHERE s.last_attempt->>'status' = 'rolled_back')
  FROM edges_edgestatus s JOIN edges_edge e ON e.id = s.edge_id AND e.organization_id = s.organization_id
 WHERE s.organization_id = %(organization)s AND e.stage = 'in_service'
"""


_SERVED = """
SELECT coalesce(sum(answered), 0), coalesce(sum(failed), 0) FROM monitoring_served WHERE at > %(since)s
"""
SERVED_BY = "the server's own answers (5xx failed); while it is down it counts nothing, the ping tells"


def measured(organization_id: UUID, now: datetime) -> list[dict[str, Any]]:
    """Shape: [{name, target, value (None = nothing to measure), unit, counted}]; shares are 0..1."""
    parameters = {"organization": organization_id, "since": now - WINDOW, "fresh": now - FRESH}
    latency = {socket: (count, value) for socket, count, value in _rows(_LATENCY, parameters)}
    ((due, fresh, held),) = _rows(_FRESHNESS, parameters)
    ((scheduled, succeeded, failed, failures, back),) = _rows(_REPORTED, parameters)
    ((answered, broken),) = _rows(_SERVED, parameters)
    shares: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "Configuration freshness": (fresh, due, {"held": held}),
        "Rollback success rate": (back, failures, {}),
        "API availability": (answered - broken, answered, {"measured_by": SERVED_BY}),
        "Sync success rate": (
            succeeded,
            int(succeeded + failed),
            {"missed": max(0, int(scheduled - succeeded - failed))},
        ),
    }
    seconds = {"Sync latency (polling)": latency.get(False), "Sync latency (WebSocket)": latency.get(True)}
    levels = []
    for name, target, unit in LEVELS:
        if name in shares:
            part, whole, more = shares[name]
            levels.append(_level(name, target, unit, _share(part, whole), int(whole), **more))
        else:
            counted, value = seconds.get(name) or (0, None)
            levels.append(_level(name, target, unit, value, counted))
    return levels


def _rows(query: str, parameters: dict[str, Any]) -> Iterable[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _share(part: Any, whole: Any) -> float | None:
    return float(part) / float(whole) if whole else None


def _level(name: str, target: float, unit: str, value: Any, counted: int, **more: Any) -> dict[str, Any]:
    shown = None if value is None else round(float(value), 4)
    return {"name": name, "target": target, "unit": unit, "value": shown, "counted": counted, **more}
