"""What publishing what waits would do, so that a person can say yes: differences, times, the left out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from uuid import UUID

import orjson
from django.db.models import QuerySet

from configs import changesets, conflicts, fleet, history, previewing, publishing, ranging, updating
from configs.changes import Operation
from configs.deciding import EdgePlan
from configs.outcomes import Preview, Why
from configs.planning import Plan
from configs.rollouts import foreseeing
from configs.rollouts.foreseeing import Waves
from configs.rollouts.policies import Wish
from configs.stored import change_of
from edge_protocol.canonical import JsonValue, canonical
from edge_protocol.layout import APPLY_MODES, SECTIONS
from edge_protocol.pointers import MISSING
from edges import tenancy
from edges.models import Edge, Stage

MOST_CONTENTS = 500  # distinct contents of which the difference is told; edges beyond are counted
SYNC = "sync"

Pair = tuple[str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value that changes; MISSING: there was, or will be, none."""

    path: str
    before: JsonValue
    after: JsonValue


@dataclass(frozen=True, slots=True)
class Place:
    edge_id: str
    site: str


@dataclass(slots=True)
class Difference:
    """Edges for which exactly the same values change; `leaves` None: too many kinds to tell each."""

    leaves: tuple[Leaf, ...] | None
    sections: tuple[str, ...]
    edges: list[Place] = field(default_factory=list)


@dataclass(frozen=True)
class Forecast:
    """`times` counts edges by (apply mode, start of the window); `fleet`: edges of the organization."""

    preview: Preview
    steps: Sequence[Operation]
    touched: Sequence[Mapping[str, object]]
    differences: Sequence[Difference]
    times: Mapping[tuple[str, str], int]
    changes_layers: bool
    fleet: int
    waves: Waves | None = None  # of what waits and can be let out

    @cached_property
    def left_out(self) -> dict[Why, list[str]]:
        found: dict[Why, list[str]] = defaultdict(list)
        for one in self.preview.unaffected:
            found[one.why].append(one.edge_id)
        return dict(found)

    @property
    def can_be_let_out(self) -> bool:
        return self.waves is not None and bool(self.waves.waves)

    @property
    def sections(self) -> list[str]:
        return sorted({name for one in self.differences for name in one.sections})


def of_draft(
    *, organization_id: UUID, change_set_id: UUID, now: datetime, wish: Wish | None = None
) -> Forecast:
    """What publishing a draft would do now, and what others touched since its base. Nothing is published.

    Also of one that awaits approval, or its time: whoever decides about it sees what its author saw.
    `wish`: how a rollout of it would go (None: as usual). What it promises is kept under its digest.
    Errors: ChangeRefused, NotInState, Unknown.
    """
    with tenancy.scope([organization_id]):
        row = changesets.draft(change_set_id, *changesets.CANCELLED)
        plan = publishing.prepare(organization_id, change_of(row), now=now)
        waves = foreseeing.waves(plan, wish or Wish(), seed=row.pk, now=now)
        return replace(_forecast(plan, row.base, now), waves=waves)


def of_revert(*, organization_id: UUID, change_set_id: UUID, now: datetime) -> Forecast:
    """What undoing a published change set would do now; where something is `touched`, a draft.

    Errors: as `changesets.revert`.
    """
    with tenancy.scope([organization_id]):
        change, base = changesets.reverting(change_set_id, reason="")
        return _forecast(publishing.prepare(organization_id, change, now=now), base, now)


def of_profiles(
    *, organization_id: UUID, revision: int | None, edges: Sequence[str] | None, now: datetime
) -> Forecast:
    """What taking a revision of the profile registry would do now. Shape and errors: `publish_profiles`."""
    change, motion = updating.intent(organization_id, "", revision=revision, edges=edges, now=now)
    with tenancy.scope([organization_id]):
        plan = publishing.prepare(organization_id, change, now=now, motion=motion)
        return _forecast(plan, {}, now)


def _forecast(plan: Plan, base: Mapping[str, int], now: datetime) -> Forecast:
    organization_id = plan.ground.organization.pk
    preview = replace(plan.preview, warnings=[*plan.cautions, *ranging.cautions(plan)])
    previewing.keep(organization_id, preview, now=now)
    contents = _Contents(plan)
    return Forecast(
        preview=preview,
        steps=plan.change.operations,
        touched=conflicts.since(
            organization_id, plan.targets.operations, base=base, states=plan.states.values()
        ),
        differences=contents.differences(),
        times=contents.times(),
        changes_layers=_changes(plan),
        fleet=_in(organization_id).count(),
    )


def _changes(plan: Plan) -> bool:
    found = plan.application
    return bool(found.bodies or found.moves or found.retired or plan.change.exclude)


def _in(organization_id: UUID) -> QuerySet[Edge]:
    return Edge.objects.filter(organization_id=organization_id).exclude(stage=Stage.RETIRED)


class _Contents:
    """The sections before and after, each read once."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._pairs = {one.facts.edge_id: _pairs(one) for one in plan.affected}
        told: dict[tuple[Pair, ...], None] = dict.fromkeys(self._pairs.values())
        self._told = set(list(told)[:MOST_CONTENTS])
        self._values: dict[str, JsonValue] = {name: one.value for name, one in plan.blobs.items()}
        wanted = {digest for pairs in self._told for pair in pairs for digest in pair[1:] if digest}
        wanted |= {one.sections[SYNC] for one in plan.affected if SYNC in one.sections}
        read = fleet.blobs(plan.ground.organization.pk, wanted - set(self._values))
        self._values |= {name: orjson.loads(body) for name, body in read.items()}
        self._leaves: dict[tuple[Pair, ...], tuple[Leaf, ...]] = {one: self._of(one) for one in self._told}

    def differences(self) -> list[Difference]:
        """The largest group first."""
        found: dict[bytes, Difference] = {}
        for one in self._plan.affected:
            leaves = self._leaves.get(self._pairs[one.facts.edge_id])
            key = _key(leaves, one.changed)
            group = found.setdefault(key, Difference(leaves, tuple(sorted(one.changed))))
            group.edges.append(Place(one.facts.edge_id, one.facts.site_code))
        return sorted(found.values(), key=lambda one: (one.leaves is None, -len(one.edges)))

    def times(self) -> Counter[tuple[str, str]]:
        return Counter(self._time(one) for one in self._plan.affected)

    def _time(self, one: EdgePlan) -> tuple[str, str]:
        sync = self._values.get(one.sections.get(SYNC, ""), {})
        asked = sync.get("apply", {})
        modes = [asked.get(name, SECTIONS[name].default_apply) for name in one.changed if name in SECTIONS]
        mode = max(modes, key=APPLY_MODES.index, default=APPLY_MODES[0])
        start = sync.get("maintenance_window", {}).get("start", "") if mode == "window" else ""
        return mode, start

    def _of(self, pairs: tuple[Pair, ...]) -> tuple[Leaf, ...]:
        before = {name: self._values[old] for name, old, _ in pairs if old in self._values}
        after = {name: self._values[new] for name, _, new in pairs if new in self._values}
        return tuple(
            Leaf(one["path"], one.get("before", MISSING), one.get("after", MISSING))
            for one in history.leaves_between(before, after)
        )


def _pairs(one: EdgePlan) -> tuple[Pair, ...]:
    return tuple((name, one.facts.sections.get(name), one.sections.get(name)) for name in sorted(one.changed))


def _key(leaves: Iterable[Leaf] | None, sections: Iterable[str]) -> bytes:
    if leaves is None:
        return canonical(sorted(sections))
    shown = [
        [one.path, one.before is MISSING, one.after is MISSING, _or_null(one.before), _or_null(one.after)]
        for one in leaves
    ]
    return canonical(shown)


def _or_null(value: JsonValue) -> JsonValue:
    return None if value is MISSING else value
