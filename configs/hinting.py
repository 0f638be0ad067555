"""What people's pages should look at again after a change of configuration. Call it in the transaction."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

from edges import hints
from edges.hints import Changed, Hint

# Of each operation the site in whose layers it stands; none: it stands in the organization's.
_SITES = """
SELECT DISTINCT coalesce(s.id, e.site_id)
  FROM configs_operation o
  LEFT JOIN edges_site s
    ON o.scope = 'site' AND s.code = o.target AND s.organization_id = o.organization_id
  LEFT JOIN edges_edge e
    ON o.scope = 'edge' AND e.edge_id = o.target AND e.organization_id = o.organization_id
 WHERE o.change_set_id = %s AND o.organization_id = %s
"""


def moved(
    *,
    changed: Changed,
    organization_id: UUID,
    subject: UUID,
    change_set_id: UUID,
    sites: Iterable[UUID] = (),
) -> None:
    """Purpose: a change set or a rollout went on; edges of `sites` should run something else now.

    Needs a scope. Two queries. Errors: none.
    """
    own = Hint(changed, organization_id, _sites_of(change_set_id, organization_id), str(subject))
    hints.tell([own, *(Hint("fleet", organization_id, frozenset({site})) for site in set(sites))])


def _sites_of(change_set_id: UUID, organization_id: UUID) -> frozenset[UUID] | None:
    """The sites within which a change set stays; None: it reaches beyond them."""
    with connection.cursor() as cursor:
        cursor.execute(_SITES, [change_set_id, organization_id])
        found = frozenset(row[0] for row in cursor.fetchall())
    return None if None in found or not found else found
