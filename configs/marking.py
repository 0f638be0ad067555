"""Who last wrote each path of a layer: the marks that provenance is told from."""

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import connection

from edge_protocol.instants import format_instant
from edge_protocol.provenance import Mark

# For each path of each layer the newest step up to the pinned revision.
_MARKS = """
SELECT DISTINCT ON (o.layer_id, o.path) o.layer_id, o.path, r.number, c.id::text, r.author, r.created_at
  FROM configs_revision p
  JOIN configs_revision r ON r.layer_id = p.layer_id AND r.number <= p.number
  JOIN configs_operation o ON o.change_set_id = r.change_set_id AND o.layer_id = r.layer_id
  JOIN configs_changeset c ON c.id = r.change_set_id
 WHERE p.id = ANY(%s) AND p.organization_id = %s AND o.op IN ('set', 'unset', 'remove')
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
