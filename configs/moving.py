"""Which pins a change moves, edge by edge. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from configs.changes import Address
from configs.editing import Application
from configs.fleet import EdgeFacts, Pins
from configs.models import Scope
from configs.outcomes import Why
from configs.targets import Targets

_NONE: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Motion:
    """Pins that move for another reason than an edited layer.

    `released` edges take the baselines; `adopted` ones are looked at although no layer changed; for `lifted`
    ones a quarantine does not count; `registry` is the profile registry's revision that the edges of
    `registry_of` take (None: all edges).
    """

    released: frozenset[UUID] = _NONE
    adopted: frozenset[UUID] = _NONE
    lifted: frozenset[UUID] = _NONE
    registry: int | None = None
    registry_of: frozenset[UUID] | None = None

    @property
    def edges(self) -> frozenset[UUID]:
        return self.released | self.adopted | self.lifted

    def registry_for(self, edge_uid: UUID, pinned: int) -> int:
        """The revision of the profile registry that an edge has then."""
        is_meant = self.registry_of is None or edge_uid in self.registry_of
        return self.registry if self.registry is not None and is_meant else pinned


STILL = Motion()


@dataclass(frozen=True, slots=True)
class Moves:
    """New revisions of the layers of one change set, ready to be looked up for each edge."""

    organization: UUID | None
    sites: Mapping[UUID, UUID]
    edges: Mapping[UUID, UUID]
    destinations: Mapping[UUID, UUID]  # edge -> the site that it moves to
    retired: frozenset[UUID]
    excluded: frozenset[UUID]
    motion: Motion
    baseline: UUID | None
    site_baselines: Mapping[UUID, UUID]
    rebased: Mapping[UUID | None, UUID]  # from a rollout's candidate to the one made anew

    @classmethod
    def of(
        cls,
        meant: Targets,
        application: Application,
        revisions: Mapping[Address, UUID],
        motion: Motion,
        *,
        baselines: tuple[UUID | None, Mapping[UUID, UUID]],
        rebased: Mapping[UUID | None, UUID],
    ) -> "Moves":
        """`revisions` of changed layers win over `baselines`, which they are about to become."""
        sites = {
            meant.sites[address.target]: revision
            for address, revision in revisions.items()
            if address.scope == Scope.SITE
        }
        organization = revisions.get(Address(Scope.ORGANIZATION, meant.code))
        return cls(
            organization=organization,
            sites=sites,
            edges={
                meant.edges[address.target]: revision
                for address, revision in revisions.items()
                if address.scope == Scope.EDGE
            },
            destinations={
                meant.edges[edge_id]: meant.sites[code] for edge_id, code in application.moves.items()
            },
            retired=frozenset(meant.edges[edge_id] for edge_id in application.retired),
            excluded=frozenset(meant.edges[edge_id] for edge_id in meant.excluded),
            motion=motion,
            baseline=organization or baselines[0],
            site_baselines={**baselines[1], **sites},
            rebased=rebased,
        )

    def of_edge(self, facts: EdgeFacts) -> tuple[Pins, Why | None]:
        """The pins that the edge would have, and why it is passed by, if it is."""
        if facts.retired or facts.uid in self.retired:
            return facts.pins, "retired"
        if facts.uid in self.excluded:
            return facts.pins, "excluded"
        own = self.rebased.get(facts.pins.edge) or self.edges.get(facts.uid, facts.pins.edge)
        if facts.held and facts.uid not in self.motion.released:
            moved = facts.pins if own == facts.pins.edge else replace(facts.pins, edge=own)
            stays = own == facts.pins.edge and facts.uid not in self.motion.edges
            return moved, "held" if stays else None
        return self._free(facts, own), None

    def _free(self, facts: EdgeFacts, own: UUID | None) -> Pins:
        pins = facts.pins
        organization = self.rebased.get(pins.organization) or self.organization or pins.organization
        site_id = self.destinations.get(facts.uid, facts.site_id)
        site = self.rebased.get(pins.site) or self.sites.get(site_id, pins.site)
        if facts.uid in self.destinations:
            site = self.site_baselines.get(site_id)
        if facts.uid in self.motion.released:
            organization, site = self.baseline, self.site_baselines.get(site_id)
        registry = self.motion.registry_for(facts.uid, pins.registry)
        if (organization, site, own, registry) == (*pins.layers, pins.registry):
            return pins
        return Pins(organization, site, own, registry, pins.schema)
