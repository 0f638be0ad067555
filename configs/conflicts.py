"""Paths that others touched since somebody looked."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection

from configs.changes import LAYER_OPS, Operation
from configs.fleet import LayerState
from edge_protocol.pointers import Touching

# Every published step on these layers that led from the given revision to the baseline.
_SINCE = """
WITH RECURSIVE r AS (
    SELECT r.layer_id, r.parent_id, r.change_set_id, b.number AS base
      FROM unnest(%s::uuid[], %s::bigint[]) AS b (layer, number)
      JOIN configs_layer l ON l.id = b.layer AND l.organization_id = %s
      JOIN configs_revision r ON r.id = l.baseline_id AND r.number > b.number
     UNION ALL
    SELECT p.layer_id, p.parent_id, p.change_set_id, r.base
      FROM r JOIN configs_revision p ON p.id = r.parent_id AND p.number > r.base
)
SELECT o.scope, o.target, o.path, c.id, c.number, c.author
  FROM r
  JOIN configs_operation o ON o.change_set_id = r.change_set_id AND o.layer_id = r.layer_id
  JOIN configs_changeset c ON c.id = o.change_set_id
 ORDER BY c.number, o.position
"""


def since(
    organization_id: UUID,
    operations: Iterable[Operation],
    *,
    base: Mapping[str, int],
    states: Iterable[LayerState],
) -> list[dict[str, Any]]:
    """What other change sets did since `base` at, above or below the paths of `operations`. One query.

    Shape: `base` maps `scope/target` to revision numbers; gives rows of scope, target, path, change_set,
    number, author.
    """
    moved = [
        (state.layer_id, base.get(str(state.address), 0))
        for state in states
        if state.layer_id is not None and state.number > base.get(str(state.address), 0)
    ]
    if not moved:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_SINCE, [*map(list, zip(*moved, strict=True)), organization_id])
        rows = cursor.fetchall()
    ours: dict[tuple[str, str], list[str]] = {}
    for one in operations:
        if one.op in LAYER_OPS:
            ours.setdefault((one.scope, one.target), []).append(one.path)
    touching = {address: Touching(paths) for address, paths in ours.items()}
    names = ("scope", "target", "path", "change_set", "number", "author")
    return [
        dict(zip(names, (*row[:3], str(row[3]), *row[4:]), strict=True))
        for row in rows
        if row[:2] in touching and touching[row[:2]].any(row[2])
    ]
