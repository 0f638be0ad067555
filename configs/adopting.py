"""A new edge takes the baselines, and version 1 if they make a valid document."""

from collections.abc import Iterable
from datetime import datetime

from configs import fleet, publishing, registry, storing
from configs.changes import Actor, Change
from configs.models import EdgePins, Kind
from configs.moving import Motion
from configs.outcomes import Outcome
from configs.signing import Signer
from edges import organizing, tenancy
from edges.models import Edge, Site, Stage


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


def adopt(*, edge: Edge, actor: Actor, now: datetime, signer: Signer) -> Outcome:
    """Pins and, if valid, version 1 for an edge that has none yet. Errors: ClockRefused."""
    organization_id = edge.organization_id
    with tenancy.scope([organization_id]):
        # Under the lock from the start: a baseline that moves in between would pass a new edge by.
        storing.lock(organization_id)
        organization, sites = fleet.baselines(organization_id)
        EdgePins.objects.create(
            organization_id=organization_id,
            edge=edge,
            organization_revision_id=organization,
            site_revision_id=sites.get(edge.site_id),
            registry_id=registry.current(now=now),
        )
        change = Change(reason=f"{edge.edge_id} was added", operations=(), kind=Kind.ADOPT)
        return publishing.publish(
            organization_id=organization_id,
            change=change,
            actor=actor,
            now=now,
            signer=signer,
            motion=Motion(adopted=frozenset({edge.pk})),
        )
