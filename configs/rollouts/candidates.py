"""Which pins a rollout gives to an edge, and which it had."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from configs.fleet import EdgeFacts, Pins, Reach
from configs.models import Scope
from configs.rollouts.models import Rollout, RolloutLayer


@dataclass(frozen=True, slots=True)
class Aim:
    """The revisions of the rollout's layers: the organization's (None: not touched), by site, by edge.

    A revision of None is a layer that is not there.
    """

    organization: tuple[UUID | None] | None
    sites: Mapping[UUID, UUID | None]
    edges: Mapping[UUID, UUID | None]

    def pins(self, facts: EdgeFacts) -> Pins:
        pins = facts.pins
        organization = pins.organization if self.organization is None else self.organization[0]
        site = self.sites.get(facts.site_id, pins.site)
        edge = self.edges.get(facts.uid, pins.edge)
        found = replace(pins, organization=organization, site=site, edge=edge)
        return pins if found == pins else found

    def back(self, facts: EdgeFacts, candidates: "frozenset[UUID]") -> Pins:
        """Only pins that are candidates go back; what somebody else moved since stays."""
        aimed, pins = self.pins(facts), facts.pins
        found = replace(
            pins,
            organization=aimed.organization if pins.organization in candidates else pins.organization,
            site=aimed.site if pins.site in candidates else pins.site,
            edge=aimed.edge if pins.edge in candidates else pins.edge,
        )
        return pins if found == pins else found


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers of one rollout."""

    rows: tuple[RolloutLayer, ...]

    @property
    def candidates(self) -> frozenset[UUID]:
        return frozenset(one.candidate_id for one in self.rows)

    @property
    def promotable(self) -> frozenset[UUID]:
        """An edge that was taken back by itself has another baseline by now, and keeps it."""
        return frozenset(
            one.candidate_id for one in self.rows if one.candidate.parent_id == one.layer.baseline_id
        )

    @property
    def forward(self) -> Aim:
        return self._aim({one.pk: one.candidate_id for one in self.rows})

    @property
    def baselines(self) -> Aim:
        return self._aim({one.pk: one.layer.baseline_id for one in self.rows})

    @property
    def reach(self) -> Reach:
        aim = self.forward
        return Reach(aim.organization is not None, frozenset(aim.sites), frozenset(aim.edges))

    def _aim(self, revisions: Mapping[int, UUID | None]) -> Aim:
        own = [one for one in self.rows if one.layer.scope == Scope.ORGANIZATION]
        return Aim(
            organization=(revisions[own[0].pk],) if own else None,
            sites={one.layer.site_id: revisions[one.pk] for one in self.rows if one.layer.site_id},
            edges={one.layer.edge_id: revisions[one.pk] for one in self.rows if one.layer.edge_id},
        )


def of(rollout: Rollout) -> Layers:
    """One query."""
    return Layers(tuple(RolloutLayer.objects.filter(rollout=rollout).select_related("layer", "candidate")))
