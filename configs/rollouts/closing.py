"""The end of a rollout: candidates become baselines and the rest of the fleet follows, or they are discarded.

Needs the organization's lock.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from configs import fleet, planning, storing, storing_versions
from configs.changes import Change
from configs.deciding import Decider, EdgePlan
from configs.models import ChangeSet, State
from configs.moving import STILL
from configs.planning import Plan
from configs.rollouts.candidates import Layers
from configs.rollouts.models import Rollout, RolloutLayer, RolloutTarget
from configs.rollouts.offering import NOTHING, no_targets
from configs.rollouts.states import Phase, TargetState

ENDS = {
    Phase.ROLLED_BACK: State.REVERTED,
    Phase.CANCELLED: State.CANCELLED,
    Phase.SUPERSEDED: State.CANCELLED,
}


def complete(row: Rollout, layers: Layers, *, stragglers: int, now: datetime) -> None:
    """Every edge that nothing is new for takes the pins at once; the others become stragglers."""
    storing.advance(row.organization_id, numbered=False)
    storing.promote(sorted(layers.promotable), row.organization_id)
    RolloutLayer.objects.filter(rollout=row).update(is_open=False)
    change_set = row.change_set
    change_set.state, change_set.published_at, change_set.published_by = State.PUBLISHED, now, row.by
    change_set.save(update_fields=["state", "published_at", "published_by"])
    if change_set.reverts_id is not None:
        ChangeSet.objects.filter(pk=change_set.reverts_id).update(state=State.REVERTED, closed_at=now)
    _follow(row, _rest(row, layers, now), stragglers, now)


def discard(row: Rollout, phase: Phase, *, now: datetime) -> None:
    RolloutLayer.objects.filter(rollout=row).update(is_open=False)
    ChangeSet.objects.filter(pk=row.change_set_id).update(state=ENDS[phase], closed_at=now)


def _rest(row: Rollout, layers: Layers, now: datetime) -> Sequence[EdgePlan]:
    """The edges that the layers concern and no wave moved; gives those that a version awaits."""
    aim = layers.forward
    concerned = [
        facts
        for facts in fleet.edges(row.organization_id, layers.reach)
        if not facts.retired and not facts.held and aim.pins(facts) != facts.pins
    ]
    targeted = [(facts, aim.pins(facts), None) for facts in concerned]
    resolver, judge = planning.judges(row.organization_id, targeted, {})
    decider = Decider(resolver, judge)
    plans = decider.decide(targeted, lifted=())
    refused = {facts.uid for facts, _, _ in decider.refused}
    base = planning.ground(row.organization_id)
    still = Plan(
        ground=base,
        change=Change(reason=row.change_set.reason, operations=()),
        targets=no_targets(row.organization_id, base.organization.code),
        application=NOTHING,
        states={},
        revisions={},
        motion=STILL,
        edges=tuple(one for one in plans if one.why is not None and one.facts.uid not in refused),
        blobs={},
    )
    storing_versions.store(still, (), change_set_id=row.change_set_id, now=now)
    return [one for one in plans if one.why is None]


def _follow(row: Rollout, plans: Iterable[EdgePlan], stragglers: int, now: datetime) -> None:
    """Stragglers that no wave knew. Those that waves knew are stragglers already."""
    uids = [one.facts.uid for one in plans]
    known: set[UUID] = set(
        RolloutTarget.objects.filter(rollout=row, edge__in=uids).values_list("edge_id", flat=True)
    )
    # What was passed by, or had moved away, has perhaps become possible; it is looked at once more.
    passed = (TargetState.SKIPPED, TargetState.GONE)
    again = RolloutTarget.objects.filter(rollout=row, edge__in=uids, state__in=passed)
    again.update(
        state=TargetState.PENDING, why="", wave=stragglers, is_watched=True, is_moved=False, changed_at=now
    )
    RolloutTarget.objects.bulk_create(
        RolloutTarget(
            organization_id=row.organization_id,
            rollout=row,
            edge_id=uid,
            wave=stragglers,
            place=place,
            state=TargetState.PENDING,
            changed_at=now,
        )
        for place, uid in enumerate(uids)
        if uid not in known
    )
