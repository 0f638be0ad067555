"""Pins, blobs, versions and heads of a plan, set by set.

COPY is refused under row level security; pipelined `executemany` and `unnest` are what is left, and fast.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.db import connection
from psycopg.types.json import Jsonb

from configs.planning import Plan
from configs.sealing import Sealed
from edge_protocol.canonical import etag

_PINS = """
UPDATE configs_edgepins p
   SET organization_revision_id = n.organization, site_revision_id = n.site, edge_revision_id = n.edge,
       registry_id = n.registry, schema = n.schema
  FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::int[], %s::text[])
       AS n (uid, organization, site, edge, registry, schema)
 WHERE p.edge_id = n.uid AND p.organization_id = %s
"""
_BLOB = """
INSERT INTO configs_sectionblob (id, organization_id, digest, shape, body, size)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (organization_id, digest) DO NOTHING
"""
_VERSION = """
INSERT INTO configs_version (organization_id, edge_id, number, epoch, kind, content_of, sections, digest,
  envelope, "timestamp", issued_at, change_set_id, organization_revision_id, site_revision_id,
  edge_revision_id, registry_id, schema)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
# The versions are in the table already: their manifests need not travel a second time.
_HEADS = """
INSERT INTO edges_edgehead (organization_id, edge_id, version, digest, etag, epoch, envelope, issued_at,
  published_at, held)
SELECT v.organization_id, v.edge_id, v.number, v.digest, n.etag, v.epoch, v.envelope, v.issued_at,
       v.timestamp,
       EXISTS (SELECT FROM configs_hold h WHERE h.edge_id = v.edge_id AND h.released_at IS NULL)
  FROM configs_version v
  JOIN unnest(%s::uuid[], %s::text[]) AS n (uid, etag) ON n.uid = v.edge_id
 WHERE v.change_set_id = %s AND v.organization_id = %s
ON CONFLICT (edge_id) DO UPDATE
   SET version = excluded.version, digest = excluded.digest, etag = excluded.etag, epoch = excluded.epoch,
       envelope = excluded.envelope, issued_at = excluded.issued_at, published_at = excluded.published_at
"""


def store(plan: Plan, sealed: Sequence[Sealed], *, change_set_id: UUID, now: datetime) -> None:
    """Everything that a plan changes per edge. Needs the organization's lock."""
    _pins(plan)
    if sealed:
        _blobs(plan)
        _versions(plan, sealed, change_set_id, now)
        _heads(plan, sealed, change_set_id)


def _pins(plan: Plan) -> None:
    moved = [edge for edge in plan.edges if edge.pins != edge.facts.pins]
    if not moved:
        return
    columns: list[list[Any]] = [
        [edge.facts.uid for edge in moved],
        [edge.pins.organization for edge in moved],
        [edge.pins.site for edge in moved],
        [edge.pins.edge for edge in moved],
        [edge.pins.registry for edge in moved],
        [edge.pins.schema for edge in moved],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_PINS, [*columns, plan.ground.organization.pk])


def _blobs(plan: Plan) -> None:
    """Those that an affected edge did not carry before; the others are stored already."""
    wanted = {edge.sections[name] for edge in plan.affected for name in edge.changed if name in edge.sections}
    rows = [
        (uuid4(), plan.ground.organization.pk, digest, one.shape, one.body, len(one.body))
        for digest, one in sorted(plan.blobs.items())
        if digest in wanted
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(_BLOB, rows)


def _versions(plan: Plan, sealed: Sequence[Sealed], change_set_id: UUID, now: datetime) -> None:
    organization_id, epoch = plan.ground.organization.pk, plan.ground.epoch
    maps: dict[str, Jsonb] = {}  # edges with equal content share one adapted map
    rows: list[tuple[Any, ...]] = [
        (
            organization_id,
            one.edge.facts.uid,
            one.number,
            epoch,
            one.kind,
            one.content_of,
            maps.setdefault(one.edge.digest, Jsonb(dict(one.edge.sections), dumps=orjson.dumps)),
            one.edge.digest,
            one.header,
            now,
            now,
            change_set_id,
            *one.edge.pins.layers,
            one.edge.pins.registry,
            one.edge.pins.schema,
        )
        for one in sealed
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_VERSION, rows)


def _heads(plan: Plan, sealed: Sequence[Sealed], change_set_id: UUID) -> None:
    uids = [one.edge.facts.uid for one in sealed]
    tags = [etag(one.number, one.edge.digest) for one in sealed]
    with connection.cursor() as cursor:
        cursor.execute(_HEADS, [uids, tags, change_set_id, plan.ground.organization.pk])
