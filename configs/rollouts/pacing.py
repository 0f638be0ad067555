"""How many edges may be under change at once: the rate, the limit per site, and who comes next. Pure."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

from configs.rollouts.events import Offer
from configs.rollouts.states import LIVE, Policy, Rollout, Target, TargetState
from configs.rollouts.working import MOST_EDGES_AN_ACT, Work


def offer(work: Work, waves: Collection[int], *, per_site: int | None, are_stragglers: bool = False) -> bool:
    """Ask for the next offers that the limits allow; False when there are none now."""
    refill(work)
    chosen = _choose(work, waves, per_site)
    if not chosen:
        return False
    retried = frozenset(one.edge for one in chosen if one.is_retried)
    work.acts.append(Offer(tuple(one.edge for one in chosen), retried, are_stragglers))
    return True


def refill(work: Work) -> None:
    rate = work.policy.rate_per_minute
    if rate is not None:
        elapsed = (work.now - work.credit_at).total_seconds()
        work.credit = min(_burst(rate), work.credit + elapsed * rate / 60)
    work.credit_at = work.now


def _burst(rate: int) -> float:
    """Ten seconds' worth, so that a pause does not save up a flood."""
    return max(1.0, rate / 6)


def _choose(work: Work, waves: Collection[int], per_site: int | None) -> list[Target]:
    most = MOST_EDGES_AN_ACT if work.policy.rate_per_minute is None else int(work.credit)
    busy = Counter(one.site for one in work.of(LIVE))
    chosen: list[Target] = []
    for target in sorted(waiting(work, waves), key=lambda one: (one.wave, one.place)):
        if _passed_by(work, target):
            continue
        if len(chosen) >= min(most, MOST_EDGES_AN_ACT):
            continue  # the silent ones behind are still told apart
        if per_site is not None and busy[target.site] >= per_site:
            continue
        busy[target.site] += 1
        chosen.append(target)
    return chosen


def waiting(work: Work, waves: Collection[int]) -> list[Target]:
    """Those to be offered; pins that are still to be taken back come first."""
    pending = work.of((TargetState.PENDING,), waves)
    return [one for one in pending if not one.is_moved or one.is_retried]


def _passed_by(work: Work, target: Target) -> bool:
    if target.is_held_locally:
        work.put(target, state=TargetState.SKIPPED, why="local_hold")
    elif target.is_silent:
        work.put(target, state=TargetState.UNREACHABLE)
    else:
        return False
    return True


def next_credit_at(policy: Policy, rollout: Rollout) -> datetime | None:
    """When the rate allows the next offer; None: it does not limit."""
    if policy.rate_per_minute is None or rollout.credit >= 1:
        return None
    return rollout.credit_at + timedelta(seconds=(1 - rollout.credit) * 60 / policy.rate_per_minute)
