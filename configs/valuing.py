"""One path across a fleet: the values that edges should run, how many each, and the layers they come from."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from configs import fleet
from configs.models import Revision
from configs.refusals import Unknown
from edge_protocol.canonical import JsonValue, canonical, digest
from edge_protocol.errors import PointerError
from edge_protocol.pointers import MISSING, Path, lookup, split
from edges import tenancy

REGISTRY = "registry"  # what no layer says comes with the device's profile
SAMPLE = 5
LENGTH_OF_KEY = 16

# Desired versions alone: an edge without one is counted apart. Most specific revision first.
_EDGES = """
SELECT e.id, e.edge_id, v.sections->>%(section)s,
       v.edge_revision_id, v.site_revision_id, v.organization_revision_id, v.id IS NULL
  FROM edges_edge e
  LEFT JOIN edges_edgehead h ON h.edge_id = e.id AND h.organization_id = e.organization_id
  LEFT JOIN configs_version v ON v.edge_id = e.id AND v.number = h.version
                             AND v.organization_id = e.organization_id
 WHERE e.organization_id = %(organization)s AND e.retired_at IS NULL
   AND (%(everywhere)s OR e.site_id = ANY(%(sites)s))
 ORDER BY e.edge_id
"""


@dataclass(slots=True)
class Group:
    """The edges that should run one value. `value` MISSING: their document has nothing at the path."""

    key: str
    value: JsonValue
    edges: list[tuple[UUID, str]] = field(default_factory=list)
    set_in: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        shown: dict[str, Any] = {} if self.value is MISSING else {"value": self.value}
        return shown | {
            "key": self.key,
            "edges": len(self.edges),
            "set_in": dict(self.set_in),
            "sample": [edge_id for _, edge_id in self.edges[:SAMPLE]],
        }


@dataclass(frozen=True, slots=True)
class Values:
    path: str
    groups: list[Group]
    unpublished: int  # edges without a version yet

    @property
    def edges(self) -> int:
        return sum(len(group.edges) for group in self.groups)

    def group(self, key: str) -> Group:
        """Errors: Unknown."""
        for group in self.groups:
            if group.key == key:
                return group
        raise Unknown("No edge should run that value any more. Look at the values again.")


def across(*, organization_id: UUID, path: str, sites: Collection[UUID] | None) -> Values:
    """What the edges of an organization (`sites`: of these sites alone) should run at `path`.

    Three queries, whatever the number of edges; each distinct section and layer is read once. The value that
    most edges share comes first.
    Errors: PointerError. Source: experience.md, page 7.
    """
    steps = split(path)
    if not steps:
        raise PointerError("the whole document is no value: name a path such as /core_cycle/period_ms")
    section = steps[0]
    with tenancy.scope([organization_id]):
        rows = _edges(organization_id, section, sites)
        values = _values(organization_id, {row[2] for row in rows if row[2]}, steps)
        origins = _origins({one for row in rows for one in row[3:6] if one}, section, steps)
    groups: dict[str, Group] = {}
    for uid, edge_id, found, *revisions, is_unpublished in rows:
        if is_unpublished:
            continue
        key, value = values.get(found, ("", MISSING))
        group = groups.setdefault(key, Group(key or "absent", value))
        group.edges.append((uid, edge_id))
        if value is not MISSING:
            group.set_in[next((origins[one] for one in revisions if one in origins), REGISTRY)] += 1
    ordered = sorted(groups.values(), key=lambda group: (-len(group.edges), group.key))
    return Values(path, ordered, sum(bool(row[-1]) for row in rows))


def _edges(organization_id: UUID, section: str, sites: Collection[UUID] | None) -> list[Any]:
    parameters: dict[str, Any] = {
        "organization": organization_id,
        "section": section,
        "everywhere": sites is None,
        "sites": list(sites or ()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_EDGES, parameters)
        return cursor.fetchall()


def _values(
    organization_id: UUID, digests: Collection[str], steps: Path
) -> Mapping[str, tuple[str, JsonValue]]:
    found = {}
    for name, body in fleet.blobs(organization_id, digests).items():
        value = lookup({steps[0]: orjson.loads(body)}, steps)
        if value is not MISSING:
            found[name] = (digest(canonical(value))[:LENGTH_OF_KEY], value)
    return found


def _origins(revisions: Iterable[UUID], section: str, steps: Path) -> dict[UUID, str]:
    """The revisions that say something at the path, by the scope of their layer."""
    rows = Revision.objects.filter(pk__in=list(revisions), members__contains=[section])
    return {
        pk: scope
        for pk, scope, body in rows.values_list("pk", "layer__scope", "body")
        if lookup(orjson.loads(body), steps) is not MISSING
    }
