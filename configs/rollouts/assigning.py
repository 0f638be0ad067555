"""Who comes in which wave. Pure: the same rollout and fleet give the same waves."""

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from configs.rollouts.policies import Share


@dataclass(frozen=True, slots=True)
class Candidate:
    """An edge that the change would give a version."""

    uid: UUID
    edge_id: str
    is_silent: bool


@dataclass(frozen=True, slots=True)
class Assigned:
    share: Share
    edges: tuple[Candidate, ...]


def assign(
    shares: Sequence[Share],
    candidates: Sequence[Candidate],
    *,
    seed: UUID,
    meant: Mapping[int, Collection[str]],
) -> list[Assigned]:
    """Waves with their edges; one of the rest is added, empty ones are left out.

    Those that answer come first, so that a first wave says something; among them chance decides, drawn from
    `seed`, so that a wave is no site and no batch of hardware. `meant`: the edge_ids of the
    shares with a selector, by position.
    """
    left = sorted(candidates, key=lambda one: (one.is_silent, _draw(seed, one)))
    waves: list[Assigned] = []
    for position, share in enumerate(shares):
        taken = len(candidates) - len(left)
        chosen = _chosen(share, left, taken=taken, total=len(candidates), meant=meant.get(position, ()))
        if chosen:
            waves.append(Assigned(share, tuple(chosen)))
            gone = {one.uid for one in chosen}
            left = [one for one in left if one.uid not in gone]
    if left:
        waves.append(Assigned(Share(), tuple(left)))
    return waves


def _chosen(
    share: Share, left: Sequence[Candidate], *, taken: int, total: int, meant: Collection[str]
) -> Sequence[Candidate]:
    if share.selector is not None:
        return [one for one in left if one.edge_id in meant]
    if share.count is not None:
        return left[: share.count]
    upto = math.ceil(total * (share.percent or 100) / 100)
    return left[: max(0, upto - taken)]


def _draw(seed: UUID, candidate: Candidate) -> bytes:
    return hashlib.sha256(seed.bytes + candidate.uid.bytes).digest()
