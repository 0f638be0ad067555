"""After which change edges failed: what is desired of each came with a change set, perhaps by a rollout."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

# Grouped first: the change sets are few, and the edges can be the whole fleet.
_AFTER = """
WITH failed AS MATERIALIZED (
    SELECT v.change_set_id, f.cause, count(*) AS number, min(nullif(s.last_attempt->>'at', '')) AS since,
           coalesce(max(s.last_attempt->>'at'), '') AS newest,
           count(*) FILTER (WHERE s.phase = 'safe_mode') AS safe,
           count(*) FILTER (WHERE b.is_back) AS back,
           min(s.running_version) FILTER (WHERE b.is_back) AS lowest,
           max(s.running_version) FILTER (WHERE b.is_back) AS highest
      FROM unnest(%(edges)s::uuid[], %(causes)s::int[]) AS f(edge_id, cause)
      JOIN edges_edgehead h ON h.edge_id = f.edge_id
      JOIN configs_version v ON v.edge_id = f.edge_id AND v.number = h.version
      JOIN edges_edgestatus s ON s.edge_id = f.edge_id,
           LATERAL (SELECT s.phase <> 'safe_mode' AND s.running_version > 0
                           AND s.running_version <> h.version AS is_back) b
     GROUP BY 1, 2
)
SELECT f.cause, f.number, coalesce(f.since, ''), f.newest, f.safe, f.back, f.lowest, f.highest,
       c.id, c.organization_id, c.number, c.author, c.reason, c.state, r.id, r.phase, r.scope
  FROM failed f
  JOIN configs_changeset c ON c.id = f.change_set_id
  LEFT JOIN configs_rollout r ON r.change_set_id = c.id
"""


@dataclass(frozen=True, slots=True)
class Blamed:
    """The change after which edges failed, and the rollout that lets it out, where there is one."""

    pk: UUID
    organization_id: UUID
    number: int
    author: str
    reason: str
    state: str
    rollout: UUID | None
    phase: str | None
    scope: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """Edges that failed after one change with one cause. `back`: they run what ran before.

    `since`, `newest`: the first and the last failure, as the edges wrote it, by their own clocks; empty where
    none did. `versions`: the lowest and the highest that those who are back run.
    """

    change: Blamed
    cause: int
    number: int
    since: str
    newest: str
    safe: int
    back: int
    versions: frozenset[int]


def after_changes(causes: Mapping[UUID, int]) -> list[Failed]:
    """Purpose: these edges, each with the number of its cause, by the change that brought what they refused.

    An edge without a version, a first start in safe mode, is behind no change. Needs a scope. One query.
    Source: experience.md, "the worst day".
    """
    parameters: dict[str, Any] = {"edges": list(causes), "causes": list(causes.values())}
    with connection.cursor() as cursor:
        cursor.execute(_AFTER, parameters)
        rows = cursor.fetchall()
    return [_failed(*row) for row in rows]


def _failed(
    cause: int,
    number: int,
    since: str,
    newest: str,
    safe: int,
    back: int,
    lowest: int | None,
    highest: int | None,
    *change: Any,
) -> Failed:
    versions = frozenset(one for one in (lowest, highest) if one is not None)
    return Failed(Blamed(*change), cause, number, since, newest, safe, back, versions)
