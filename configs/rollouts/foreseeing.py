"""The waves that a change would be let out in, for whoever is about to say yes to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from configs.planning import Plan
from configs.rollouts import starting
from configs.rollouts.policies import Wish


@dataclass(frozen=True, slots=True)
class Wave:
    """`edges`: in the order in which the change would be offered; `silent`: how many answer nothing now."""

    name: str
    edges: tuple[str, ...]
    sites: int
    silent: int


@dataclass(frozen=True, slots=True)
class Waves:
    """`outside`: how many would get a version and are in no wave: those in commissioning, afterwards."""

    waves: Sequence[Wave]
    outside: int


def waves(plan: Plan, wish: Wish, *, seed: UUID, now: datetime) -> Waves | None:
    """What `starting.start` would store as waves, were it asked now; None for what takes effect at once.

    `seed`: the draft's key. One query, and up to three more for each selector. Needs a scope.
    Errors: ChangeRefused for waves whose selector means nobody.
    """
    if starting.is_at_once(plan):
        return None
    sites = {one.facts.uid: one.facts.site_id for one in plan.affected}
    found = [
        Wave(
            name=one.share.words(),
            edges=tuple(edge.edge_id for edge in one.edges),
            sites=len({sites[edge.uid] for edge in one.edges}),
            silent=sum(edge.is_silent for edge in one.edges),
        )
        for one in starting.assigned(plan, wish, seed=seed, now=now)
    ]
    return Waves(found, len(sites) - sum(len(one.edges) for one in found))
