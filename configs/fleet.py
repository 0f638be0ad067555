"""Reading what publishing needs to know, in a number of queries that does not depend on the fleet's size."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from configs.changes import Address
from configs.models import Layer, Scope
from edge_protocol.canonical import JsonObject


@dataclass(frozen=True, slots=True)
class Pins:
    """The revisions that an edge is resolved from; None = that layer is absent."""

    organization: UUID | None
    site: UUID | None
    edge: UUID | None
    registry: int
    schema: str

    @property
    def layers(self) -> tuple[UUID | None, UUID | None, UUID | None]:
        return (self.organization, self.site, self.edge)


@dataclass(frozen=True, slots=True)
class EdgeFacts:
    """One edge as publishing sees it. `version` 0: never published; then `published` is None."""

    uid: UUID
    edge_id: str
    site_id: UUID
    site_code: str
    retired: bool
    held: bool
    pins: Pins
    version: int
    digest: str | None
    published: Pins | None  # what the desired version was resolved from
    sections: "dict[str, str]"  # of the desired version; shared between edges, not to be altered
    quarantines: "tuple[dict[str, str | None], ...]"
    problems: "tuple[Mapping[str, str], ...]"  # why its pins could not be published when last looked at
    schemas: "tuple[str, ...]"  # what the agent said that it knows; empty: it said nothing yet


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a layer is to become when its rollout completes."""

    rollout_id: UUID
    revision_id: UUID


@dataclass(frozen=True, slots=True)
class LayerState:
    """A layer as it is: `layer_id` and `revision_id` None, number 0 and {} where there is none yet.

    `newest`: the highest number given to any of its revisions, candidates among them.
    """

    address: Address
    site_id: UUID | None
    edge_uid: UUID | None
    layer_id: UUID | None
    revision_id: UUID | None
    number: int
    body: JsonObject
    newest: int = 0
    candidate: Candidate | None = None  # of an open rollout


@dataclass(frozen=True, slots=True)
class Reach:
    """Which edges a change can concern: all, or those of some sites and some by themselves."""

    everything: bool
    sites: frozenset[UUID] = frozenset()
    edges: frozenset[UUID] = frozenset()


_EDGES = """
SELECT e.id, e.edge_id, e.site_id, s.code, e.retired_at IS NOT NULL,
       EXISTS (SELECT FROM configs_hold h WHERE h.edge_id = e.id AND h.released_at IS NULL),
       p.organization_revision_id::text, p.site_revision_id::text, p.edge_revision_id::text,
       p.registry_id, p.schema, p.problems::text,
       coalesce(d.version, 0), d.digest,
       v.organization_revision_id::text, v.site_revision_id::text, v.edge_revision_id::text,
       v.registry_id, v.schema,
       v.sections::text,
       (SELECT jsonb_agg(q.sections)::text FROM configs_quarantine q
         WHERE q.edge_id = e.id AND q.lifted_at IS NULL),
       st.schemas::text
  FROM edges_edge e
  JOIN edges_site s ON s.id = e.site_id
  JOIN configs_edgepins p ON p.edge_id = e.id
  LEFT JOIN edges_edgehead d ON d.edge_id = e.id
  LEFT JOIN configs_version v ON v.edge_id = e.id AND v.number = d.version
  LEFT JOIN edges_edgestatus st ON st.edge_id = e.id
 WHERE e.organization_id = %(organization)s
   AND (%(everything)s OR e.site_id = ANY(%(sites)s) OR e.id = ANY(%(edges)s))
 ORDER BY e.edge_id
"""


def edges(organization_id: UUID, reach: Reach) -> list[EdgeFacts]:
    """The edges within reach, by edge_id. One query."""
    # Few distinct texts stand in many rows: each is parsed once, and equal maps are one object.
    uid, loads = cache(_uid), cache(_loads)
    pins = cache(Pins)
    parameters: dict[str, Any] = {
        "organization": organization_id,
        "everything": reach.everything,
        "sites": list(reach.sites),
        "edges": list(reach.edges),
    }
    with connection.cursor() as cursor:
        cursor.execute(_EDGES, parameters)
        rows = cursor.fetchall()
    return [
        EdgeFacts(
            uid=row[0],
            edge_id=row[1],
            site_id=row[2],
            site_code=row[3],
            retired=row[4],
            held=row[5],
            pins=pins(uid(row[6]), uid(row[7]), uid(row[8]), row[9], row[10]),
            problems=tuple(loads(row[11]) or ()),
            version=row[12],
            digest=row[13],
            published=pins(uid(row[14]), uid(row[15]), uid(row[16]), row[17], row[18]) if row[19] else None,
            sections=loads(row[19]) or {},
            quarantines=tuple(loads(row[20]) or ()),
            schemas=tuple(loads(row[21]) or ()),
        )
        for row in rows
    ]


def _uid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def _loads(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


_LAYERS = """
SELECT l.scope, s.code, e.edge_id, s.id, e.id, l.id, r.id, r.number, r.body,
       (SELECT max(n.number) FROM configs_revision n WHERE n.layer_id = l.id), o.rollout_id, o.candidate_id
  FROM configs_layer l
  LEFT JOIN configs_rolloutlayer o ON o.layer_id = l.id AND o.is_open
  LEFT JOIN edges_site s ON s.id = l.site_id
  LEFT JOIN edges_edge e ON e.id = l.edge_id
  LEFT JOIN configs_revision r ON r.id = l.baseline_id
 WHERE l.organization_id = %(organization)s
   AND (l.scope = 'organization' AND %(own)s OR l.site_id = ANY(%(sites)s) OR l.edge_id = ANY(%(edges)s))
"""


def layers(
    organization_id: UUID, code: str, *, sites: Collection[UUID], edges: Collection[UUID], own: bool
) -> dict[Address, LayerState]:
    """The layers that exist of those asked for (the organization's own, of sites, of edges). One query."""
    parameters: dict[str, Any] = {
        "organization": organization_id,
        "own": own,
        "sites": list(sites),
        "edges": list(edges),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LAYERS, parameters)
        rows = cursor.fetchall()
    found = {}
    for (
        scope,
        site_code,
        edge_id,
        site_id,
        edge_uid,
        layer_id,
        revision_id,
        number,
        body,
        newest,
        rollout,
        candidate,
    ) in rows:
        address = Address(scope, {Scope.SITE: site_code, Scope.EDGE: edge_id}.get(scope, code))
        found[address] = LayerState(
            address,
            site_id,
            edge_uid,
            layer_id,
            revision_id,
            number or 0,
            orjson.loads(body or "{}"),
            newest or 0,
            None if rollout is None else Candidate(rollout, candidate),
        )
    return found


_BODIES = """
SELECT id, body FROM configs_revision
 WHERE organization_id = %s AND id = ANY(%s) AND (%s::text[] IS NULL OR members && %s)
"""


def bodies(
    organization_id: UUID, revision_ids: Iterable[UUID], *, members: Collection[str] | None = None
) -> dict[UUID, JsonObject]:
    """Layer bodies by revision; with `members`, only those that have one of these members. One query."""
    wanted = list(revision_ids)
    if not wanted:
        return {}
    names = None if members is None else list(members)
    with connection.cursor() as cursor:
        cursor.execute(_BODIES, [organization_id, wanted, names, names])
        return {revision_id: orjson.loads(body) for revision_id, body in cursor.fetchall()}


def blobs(organization_id: UUID, digests: Collection[str]) -> dict[str, bytes]:
    """Canonical bytes of sections by digest. One query."""
    if not digests:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT digest, body FROM configs_sectionblob WHERE organization_id = %s AND digest = ANY(%s)",
            [organization_id, list(digests)],
        )
        return {digest: bytes(body) for digest, body in cursor.fetchall()}


def shapes(organization_id: UUID, digests: Collection[str]) -> dict[str, str]:
    """Shapes of stored sections by digest. One query."""
    if not digests:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT digest, shape FROM configs_sectionblob WHERE organization_id = %s AND digest = ANY(%s)",
            [organization_id, list(digests)],
        )
        return dict(cursor.fetchall())


def baselines(organization_id: UUID) -> tuple[UUID | None, dict[UUID, UUID]]:
    """The baseline revisions of the organization's layer and of its sites' layers. One query."""
    rows = Layer.objects.filter(organization_id=organization_id, baseline__isnull=False).exclude(
        scope=Scope.EDGE
    )
    organization, sites = None, {}
    for scope, site_id, baseline_id in rows.values_list("scope", "site_id", "baseline_id"):
        if scope == Scope.ORGANIZATION:
            organization = baseline_id
        else:
            sites[site_id] = baseline_id
    return organization, sites
