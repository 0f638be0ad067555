"""Who last wrote each path of a layer: the marks that provenance is told from."""

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import connection

from edge_protocol.instants import format_instant
from edge_protocol.provenance import Mark

# For each path of each layer the newest step of those that led to the pinned revision: what it builds on,
# and not what once was a candidate beside it.
_MARKS = """
WITH RECURSIVE r AS (
    SELECT id, layer_id, number, parent_id, change_set_id, author, created_at
      FROM configs_revision WHERE id = ANY(%s) AND organization_id = %s
     UNION ALL
    SELECT p.id, p.layer_id, p.number, p.parent_id, p.change_set_id, p.author, p.created_at
      FROM r JOIN configs_revision p ON p.id = r.parent_id
)
SELECT DISTINCT ON (o.layer_id, o.path) o.layer_id, o.path, r.number, c.id::text, r.author, r.created_at
  FROM r
  JOIN configs_operation o ON o.change_set_id = r.change_set_id AND o.layer_id = r.layer_id
  JOIN configs_changeset c ON c.id = r.change_set_id
 WHERE o.op IN ('set', 'unset', 'remove')
 ORDER BY o.layer_id, o.path, r.number DESC
"""


def marks(organization_id: UUID, revision_ids: Collection[UUID]) -> Mapping[UUID, dict[str, Mark]]:
    """By layer, then by path. One query."""
    found: dict[UUID, dict[str, Mark]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_MARKS, [list(revision_ids), organization_id])
        for layer_id, path, number, change_set, author, at in cursor.fetchall():
            found.setdefault(layer_id, {})[path] = Mark(number, change_set, author, format_instant(at))
    return found
