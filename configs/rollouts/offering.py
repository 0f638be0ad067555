"""Moving the pins of some edges: merged and checked again, signed, stored, notified. Needs the lock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

from configs import fleet, planning, sealing, storing, storing_versions
from configs.changes import Change
from configs.deciding import Decider, EdgePlan, Targeted
from configs.editing import Application
from configs.fleet import EdgeFacts, Reach
from configs.models import ChangeSet, Kind, State
from configs.moving import STILL
from configs.outcomes import Why
from configs.planning import Plan
from configs.rollouts.candidates import Layers
from configs.rollouts.events import Fate, Offer, Offered, Return, Returned
from configs.rollouts.models import Rollout as Row
from configs.rollouts.models import RolloutEntry
from configs.rollouts.states import Phase, Target
from configs.signing import Signer
from configs.targets import Targets
from edges import notices

RETRY = "retry"
NOTHING = Application({}, (), {}, frozenset())


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who moves pins for one rollout, now."""

    row: Row
    layers: Layers
    now: datetime
    signer: Signer
    touched: set[UUID] = field(default_factory=set)  # sites of edges that should run something else now

    def offer(self, act: Offer, targets: Mapping[UUID, Target]) -> Offered:
        """The candidates; for stragglers the baselines, which may have moved on since."""
        aim = self.layers.baselines if act.are_stragglers else self.layers.forward
        found = self._facts(act.edges)
        targeted: list[Targeted] = []
        for facts in found.values():
            why: Why | None = "retired" if facts.retired else "held" if facts.held else None
            targeted.append((facts, facts.pins if why else aim.pins(facts), why))
        kinds = {edge: (RETRY, targets[edge].version or 0) for edge in act.retried}
        plans = self._publish(targeted, kinds=kinds, change_set_id=self.row.change_set_id)
        return Offered({edge: _fate(plans.get(edge)) for edge in act.edges})

    def take_back(self, act: Return, phase: Phase) -> Returned:
        """The baselines, wherever the pins are still the candidates."""
        aim, candidates = self.layers.baselines, self.layers.candidates
        found = self._facts(act.edges)
        targeted: list[Targeted] = []
        fates: dict[UUID, Fate] = {}
        for facts in found.values():
            pins = aim.back(facts, candidates)
            if pins == facts.pins or facts.retired:
                fates[facts.uid] = Fate(None, "superseded", is_moved=False)
            elif facts.held:
                fates[facts.uid] = Fate(None, "held")
            else:
                targeted.append((facts, pins, None))
        change_set_id = self._recall() if phase == Phase.ROLLING_BACK else self.row.change_set_id
        plans = self._publish(targeted, kinds={}, change_set_id=change_set_id, is_way_back=True)
        fates |= {edge: _fate(plan) for edge, plan in plans.items()}
        gone = Fate(None, "superseded", is_moved=False)
        return Returned({edge: fates.get(edge, gone) for edge in act.edges})

    def _facts(self, edges: Collection[UUID]) -> dict[UUID, EdgeFacts]:
        reach = Reach(False, edges=frozenset(edges))
        return {facts.uid: facts for facts in fleet.edges(self.row.organization_id, reach)}

    def _publish(
        self,
        targeted: Sequence[Targeted],
        *,
        kinds: Mapping[UUID, tuple[str, int]],
        change_set_id: UUID,
        is_way_back: bool = False,
    ) -> dict[UUID, EdgePlan]:
        organization_id = self.row.organization_id
        base = planning.ground(organization_id)
        resolver, judge = planning.judges(organization_id, targeted, {})
        decider = Decider(resolver, judge)
        plans = decider.decide(targeted, lifted=frozenset(kinds))
        if not is_way_back:  # what was published once may always be published again
            refused = {facts.uid for facts, _, _ in decider.refused}
            plans = [_left(one) if one.facts.uid in refused else one for one in plans]
        plan = Plan(
            ground=base,
            change=Change(reason=self.row.change_set.reason, operations=()),
            targets=no_targets(base.organization.pk, base.organization.code),
            application=NOTHING,
            states={},
            revisions={},
            motion=STILL,
            edges=tuple(plans),
            blobs=decider.blobs,
            kinds=kinds,
        )
        sealed = sealing.seal(plan, signer=self.signer, now=self.now)
        storing.advance(organization_id, numbered=False)
        storing_versions.store(plan, sealed, change_set_id=change_set_id, now=self.now)
        storing.lift(sealed, now=self.now)
        self.touched.update(one.edge.facts.site_id for one in sealed)
        if sealed:
            notices.notify(kind="published", organization_id=organization_id, subject_id=change_set_id)
        return {one.facts.uid: one for one in plans}

    def _recall(self) -> UUID:
        """The change set that the way back is recorded under; who rolled back is its author."""
        undone = {"kind": Kind.RECALL, "reverts_id": self.row.change_set_id}
        found: UUID | None = ChangeSet.objects.filter(**undone).values_list("pk", flat=True).first()
        if found is not None:
            return found
        begun = RolloutEntry.objects.filter(rollout=self.row, what=Phase.ROLLING_BACK).last()
        author = begun.by if begun else self.row.by
        made = ChangeSet.objects.create(
            id=uuid4(),
            organization_id=self.row.organization_id,
            number=storing.advance(self.row.organization_id),
            state=State.PUBLISHED,
            author=author,
            reason=self.row.said,
            created_at=self.now,
            published_at=self.now,
            published_by=author,
            **undone,
        )
        return made.pk


def _left(plan: EdgePlan) -> EdgePlan:
    """What the change would break at this edge alone is left as it is."""
    return replace(plan, pins=plan.facts.pins, why="already_invalid", problems=plan.facts.problems)


def _fate(plan: EdgePlan | None) -> Fate:
    if plan is None:
        return Fate(None, "incomplete", is_moved=False)
    if plan.why is None:
        return Fate(plan.facts.version + 1)
    is_moved = plan.why not in ("held", "retired") and (
        plan.pins != plan.facts.pins or plan.why != "already_invalid"
    )
    return Fate(None, plan.why, is_moved=is_moved)


def no_targets(organization_id: UUID, code: str) -> Targets:
    return Targets(organization_id, code, (), {}, {}, {}, frozenset())
