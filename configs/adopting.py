"""New edges take the baselines, and version 1 if they make a valid document."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from configs import fleet, publishing, registry, storing
from configs.changes import Actor, Change
from configs.models import EdgePins, Kind
from configs.moving import Motion
from configs.outcomes import Outcome
from configs.signing import Signer
from edges import organizing, tenancy
from edges.models import Edge, Site, Stage
from edges.organizing import NewEdge


def create_edge(
    *,
    site: Site,
    edge_id: str,
    name: str = "",
    tags: Iterable[str] = (),
    stage: str = Stage.COMMISSIONING,
    actor: Actor,
    now: datetime,
    signer: Signer,
) -> Edge:
    """A new edge, pinned to the baselines; version 1 is published if its document is valid.

    Errors: ValueRefusedError, TakenError; ClockRefused.
    """
    with tenancy.scope([site.organization_id]):
        edge = organizing.create_edge(site=site, edge_id=edge_id, name=name, tags=tags, stage=stage, now=now)
        adopt(edge=edge, actor=actor, now=now, signer=signer)
    return edge


def create_edges(
    *, organization_id: UUID, rows: Sequence[NewEdge], actor: Actor, now: datetime, signer: Signer
) -> list[Edge]:
    """Many new edges, all or none, adopted by one change set.

    Errors: RowsRefusedError; ClockRefused.
    """
    with tenancy.scope([organization_id]):
        made = organizing.create_edges(organization_id=organization_id, rows=rows, now=now)
        _adopt(organization_id, made, f"{len(made)} edges were added", actor=actor, now=now, signer=signer)
    return made


def adopt(*, edge: Edge, actor: Actor, now: datetime, signer: Signer) -> Outcome:
    """Pins and, if valid, version 1 for an edge that has none yet. Errors: ClockRefused."""
    with tenancy.scope([edge.organization_id]):
        reason = f"{edge.edge_id} was added"
        return _adopt(edge.organization_id, [edge], reason, actor=actor, now=now, signer=signer)


def _adopt(
    organization_id: UUID,
    edges: Sequence[Edge],
    reason: str,
    *,
    actor: Actor,
    now: datetime,
    signer: Signer,
) -> Outcome:
    # Under the lock from the start: a baseline that moves in between would pass a new edge by.
    storing.lock(organization_id)
    organization, sites = fleet.baselines(organization_id)
    current = registry.current(now=now)
    EdgePins.objects.bulk_create(
        EdgePins(
            organization_id=organization_id,
            edge=edge,
            organization_revision_id=organization,
            site_revision_id=sites.get(edge.site_id),
            registry_id=current,
        )
        for edge in edges
    )
    return publishing.publish(
        organization_id=organization_id,
        change=Change(reason=reason, operations=(), kind=Kind.ADOPT),
        actor=actor,
        now=now,
        signer=signer,
        motion=Motion(adopted=frozenset(edge.pk for edge in edges)),
    )
