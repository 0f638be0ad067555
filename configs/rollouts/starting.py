"""A draft becomes a rollout: its revisions are made as candidates, its edges get their waves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from configs import changesets, jobs, previewing, publishing, storing, targets
from configs.changes import Actor
from configs.deciding import EdgePlan
from configs.models import ChangeSet, Revision, State
from configs.outcomes import Preview
from configs.planning import Plan
from configs.refusals import ChangeError, ChangeRefused
from configs.rollouts import assigning, policies, rebasing, rows, sightings, waking
from configs.rollouts.assigning import Assigned, Candidate
from configs.rollouts.events import Entry
from configs.rollouts.models import Rollout, RolloutLayer, RolloutTarget, RolloutWave
from configs.rollouts.policies import Wish
from configs.rollouts.states import NEEDLESS, Phase, TargetState, WavePhase
from configs.stored import change_of
from configs.timed import gate
from edges import tenancy
from edges.models import Edge, Stage

STRAGGLERS = "stragglers"
USUAL_SECONDS = 60  # between the heartbeats of an edge that never sent one


@dataclass(frozen=True, slots=True)
class Planned:
    """What a rollout would be: the change's preview, and the edges of each wave."""

    preview: Preview
    waves: Sequence[Assigned]

    def to_dict(self) -> dict[str, Any]:
        waves = [
            {"name": one.share.words(), "edges": [edge.edge_id for edge in one.edges]} for one in self.waves
        ]
        return {**self.preview.to_dict(), "waves": waves}


def preview(*, organization_id: UUID, change_set_id: UUID, wish: Wish, now: datetime) -> Planned:
    """Nothing is changed. Errors: as `start`."""
    policies.check(wish)
    with tenancy.scope([organization_id]):
        row = changesets.draft(change_set_id)
        plan = _plan(row, now)
        return Planned(plan.preview, assigned(plan, wish, seed=row.pk, now=now))


def start(
    *,
    organization_id: UUID,
    change_set_id: UUID,
    wish: Wish,
    actor: Actor,
    now: datetime,
    reason: str | None = None,
    preview_digest: str | None = None,
    state: State = State.DRAFT,
) -> Rollout:
    """Purpose: let a draft out wave by wave; the first wave opens as soon as a worker looks.

    `state`: what it must be in, for what waited. Errors: ApprovalRequired, ApprovalOutdated,
    ChangeRefused (also for what cannot be let out in waves), Conflict, LayerInRollout, NotInState,
    PreviewChanged, Unknown. Source: lifecycle.md, "Rollout".
    """
    policies.check(wish)
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        row = changesets.draft(change_set_id, state)
        row.reason = reason or row.reason
        plan = _plan(row, now)
        gate.require(plan, row)
        if preview_digest is not None:
            previewing.compare(organization_id, preview_digest, plan.preview)
        waves = _waves_of(row, plan, wish, now=now)
        storing.Writing(plan, (), actor, now, row.pk).store_candidates(row)
        return _store(row, plan, waves, wish, actor=actor, now=now)


def check(row: ChangeSet, wish: Wish, *, now: datetime) -> Plan:
    """What starting it now would refuse, but for approvals. Needs a scope. Errors: as `start`."""
    plan = _plan(row, now)
    _waves_of(row, plan, wish, now=now)
    return plan


def _waves_of(row: ChangeSet, plan: Plan, wish: Wish, *, now: datetime) -> list[Assigned]:
    waves = assigned(plan, wish, seed=row.pk, now=now)
    if not waves:
        raise _refused("no edge that is in service would get a version: publish it instead")
    return waves


def _plan(row: ChangeSet, now: datetime) -> Plan:
    plan = publishing.prepare(row.organization_id, change_of(row), now=now)
    changesets.refuse_conflicts(plan, row.base)
    if is_at_once(plan):
        raise _refused("moving and retiring edges takes effect at once: publish it instead")
    rebasing.refuse(plan.states, plan.application, kind=plan.change.kind)
    return plan


def is_at_once(plan: Plan) -> bool:
    """Moving and retiring edges makes no candidates."""
    return bool(plan.application.moves or plan.application.retired)


def _refused(detail: str) -> ChangeRefused:
    return ChangeRefused([ChangeError(None, "", "rollout", None, detail)])


def assigned(plan: Plan, wish: Wish, *, seed: UUID, now: datetime) -> list[Assigned]:
    """The waves of a plan; none where no edge is in service. `seed`: the change set's key. Needs a scope.

    Errors: ChangeRefused for waves whose selector means nobody.
    """
    heard = _heard([one.facts.uid for one in plan.affected])
    candidates = [
        Candidate(one.facts.uid, one.facts.edge_id, sightings.is_silent(*heard[one.facts.uid], now))
        for one in plan.affected
        if one.facts.uid in heard
    ]
    selectors = {at: one.selector for at, one in enumerate(wish.waves) if one.selector is not None}
    meant = _meant(plan.ground.organization.pk, selectors, candidates, now=now)
    return assigning.assign(wish.waves, candidates, seed=seed, meant=meant)


def _meant(
    organization_id: UUID,
    selectors: Mapping[int, Mapping[str, Any]],
    candidates: Sequence[Candidate],
    *,
    now: datetime,
) -> dict[int, frozenset[str]]:
    """The edges that each wave's selector means. A wave that is meant and empty would remove the canary."""
    reach = {one.edge_id for one in candidates}
    meant: dict[int, frozenset[str]] = {}
    wrong: list[tuple[int, str]] = []
    for at, selector in selectors.items():
        slips = targets.unknown(organization_id, selector)
        wrong += [(at, f"there is no {kind} {name!r} here") for kind, name in slips]
        meant[at] = frozenset(targets.select(organization_id, selector, now=now))
        if not slips and reach and not meant[at] & reach:
            wrong.append((at, f"it selects none of the edges that the change is for ({len(reach)})"))
    if wrong:
        raise ChangeRefused(
            [
                ChangeError(None, f"/waves/{at}/selector", "rollout", None, f"wave {at + 1}: {detail}")
                for at, detail in wrong
            ]
        )
    return meant


def _heard(edges: Iterable[UUID]) -> Mapping[UUID, tuple[datetime | None, int]]:
    """When each was last heard, and the seconds between its heartbeats. One query.

    Without edges in commissioning: outside counts and gates, they follow after completion.
    """
    rows = Edge.objects.filter(pk__in=list(edges)).exclude(stage=Stage.COMMISSIONING)
    found = rows.values_list("pk", "status__last_heartbeat_at", "status__heartbeat_seconds")
    return {uid: (at, seconds or USUAL_SECONDS) for uid, at, seconds in found}


def _store(
    row: ChangeSet, plan: Plan, waves: Sequence[Assigned], wish: Wish, *, actor: Actor, now: datetime
) -> Rollout:
    rollout = Rollout.objects.create(
        id=uuid4(),
        organization_id=row.organization_id,
        change_set=row,
        phase=Phase.RUNNING,
        said=f"wave 1 of {len(waves)} opens",
        policy=asdict(wish.policy),
        preset=wish.preset,
        credit_at=now,
        by=actor.name,
        started_at=now,
    )
    _store_layers(rollout, plan)
    _store_waves(rollout, waves)
    _store_targets(rollout, plan, waves, now)
    counts = {"targets": sum(len(one.edges) for one in waves), "waves": [len(one.edges) for one in waves]}
    rows.note(rollout, [Entry("started", actor.name, row.reason, None, counts)], now=now)
    jobs.add(kind=waking.KIND, organization_id=row.organization_id, subject=rollout.pk, now=now)
    return rollout


def _store_layers(rollout: Rollout, plan: Plan) -> None:
    made = Revision.objects.filter(pk__in=[plan.revisions[one] for one in plan.application.bodies])
    layers = dict(made.values_list("pk", "layer_id"))
    held = RolloutTarget.objects.filter(
        is_watched=True, rollout__in=RolloutLayer.objects.filter(layer__in=layers.values()).values("rollout")
    )
    # Stragglers of rollouts that are over get what this one brings.
    held.update(is_watched=False, state=TargetState.SUPERSEDED)
    RolloutLayer.objects.bulk_create(
        RolloutLayer(
            organization_id=rollout.organization_id, rollout=rollout, layer_id=layer, candidate_id=revision
        )
        for revision, layer in layers.items()
    )


def _store_waves(rollout: Rollout, waves: Sequence[Assigned]) -> None:
    named = [(one.share.words(), one.share.to_dict()) for one in waves] + [(STRAGGLERS, {})]
    RolloutWave.objects.bulk_create(
        RolloutWave(
            organization_id=rollout.organization_id,
            rollout=rollout,
            position=position,
            name=name,
            share=share,
            phase=WavePhase.PENDING,
        )
        for position, (name, share) in enumerate(named)
    )


def _store_targets(rollout: Rollout, plan: Plan, waves: Sequence[Assigned], now: datetime) -> None:
    common = {"organization_id": rollout.organization_id, "rollout": rollout, "changed_at": now}
    made = [
        RolloutTarget(edge_id=edge.uid, wave=position, place=place, state=TargetState.PENDING, **common)
        for position, wave in enumerate(waves)
        for place, edge in enumerate(wave.edges)
    ]
    taken = {one.edge_id for one in made}
    made += [
        RolloutTarget(
            edge_id=one.facts.uid,
            wave=-1,
            place=0,
            state=TargetState.SKIPPED,
            why=one.why or str(Stage.COMMISSIONING),
            is_watched=False,
            **common,
        )
        for one in plan.edges
        if one.facts.uid not in taken and _is_told(one)
    ]
    RolloutTarget.objects.bulk_create(made)


def _is_told(plan: EdgePlan) -> bool:
    return plan.why not in NEEDLESS and plan.why != "retired"
