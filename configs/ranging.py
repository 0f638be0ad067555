"""Numbers that leave the range of the rest of the fleet. Only previews ask: it reads the others."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from configs.outcomes import Caution
from configs.planning import Plan
from edge_protocol.canonical import JsonValue
from edge_protocol.pointers import Path, join, lookup

RULE = "fleet_range"
MOST_CONTENTS = 500
FEWEST_OTHERS = 3

# Each distinct content of a section among the other edges' desired versions, with how many edges have it.
_OTHERS = """
WITH contents AS MATERIALIZED (
  SELECT n.name, v.sections ->> n.name AS digest, count(*) AS edges
    FROM edges_edgehead h
    JOIN configs_version v ON v.edge_id = h.edge_id AND v.number = h.version
   CROSS JOIN unnest(%(names)s::text[]) AS n (name)
   WHERE h.organization_id = %(organization)s AND NOT h.edge_id = ANY(%(edges)s::uuid[])
   GROUP BY 1, 2
   ORDER BY 3 DESC
   LIMIT %(most)s)
SELECT c.name, c.edges, b.body
  FROM contents c
  JOIN configs_sectionblob b ON b.organization_id = %(organization)s AND b.digest = c.digest
"""


def cautions(plan: Plan) -> list[Caution]:
    """For each changed number the edges in which it leaves what the others have. One query, if any."""
    changed: dict[Path, list[tuple[str, float]]] = defaultdict(list)
    for edge in plan.affected:
        for step in edge.steps:
            changed[step.path].append((edge.facts.edge_id, step.new))
    if not changed:
        return []
    uids = [edge.facts.uid for edge in plan.affected]
    others = _others(plan.ground.organization.pk, uids, {path[0] for path in changed})
    return [
        caution
        for path, numbers in changed.items()
        for caution in _outside(path, numbers, others.get(path[0], []))
    ]


def _others(
    organization_id: UUID, edge_uids: list[UUID], names: Iterable[str]
) -> Mapping[str, list[tuple[int, JsonValue]]]:
    parameters: dict[str, Any] = {
        "organization": organization_id,
        "edges": edge_uids,
        "names": list(names),
        "most": MOST_CONTENTS,
    }
    found: dict[str, list[tuple[int, JsonValue]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS, parameters)
        for name, edges, body in cursor.fetchall():
            found[name].append((edges, {name: orjson.loads(bytes(body))}))
    return found


def _outside(
    path: Path, numbers: Iterable[tuple[str, float]], contents: Iterable[tuple[int, JsonValue]]
) -> Iterable[Caution]:
    known = [(edges, lookup(content, path)) for edges, content in contents]
    values = [(edges, value) for edges, value in known if isinstance(value, int | float)]
    if sum(edges for edges, _ in values) < FEWEST_OTHERS:
        return
    low, high = min(value for _, value in values), max(value for _, value in values)
    for edge_id, number in numbers:
        if not low <= number <= high:
            yield Caution(
                RULE, edge_id, join(path), f"{number} is outside what the other edges have: {low} to {high}"
            )
