"""Edge by edge: does it get a version, and if not, why not.

Edges with equal pins and equal published content are one group: a group is resolved and judged once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from configs import cautioning, leaping, orphans
from configs.editing import Applied
from configs.fleet import EdgeFacts, Pins
from configs.judging import Judge, shape_problems
from configs.leaping import Step
from configs.outcomes import Caution, Why
from configs.resolving import Problem, Resolved, Resolver, Section
from edge_protocol import schema
from edge_protocol.canonical import version_digest
from edge_protocol.delta import difference

Targeted = tuple[EdgeFacts, Pins, Why | None]


@dataclass(frozen=True, slots=True)
class EdgePlan:
    """What becomes of one edge. `why` None: it gets a version of these sections."""

    facts: EdgeFacts
    pins: Pins
    why: Why | None
    sections: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    changed: tuple[str, ...] = ()
    steps: Sequence[Step] = ()
    problems: tuple[Mapping[str, str], ...] = ()

    @property
    def moves(self) -> bool:
        """Whether anything is to be written beside its pins."""
        return self.pins != self.facts.pins or self.problems != self.facts.problems


@dataclass(slots=True)
class _Group:
    """Edges that share pins and published content."""

    pins: Pins
    published: Pins | None
    before: Mapping[str, str]
    resolved: Resolved
    problems: list[Problem]
    sections: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    changed: tuple[str, ...] = ()
    hidden: Sequence[Problem] = ()
    vain: Sequence[Problem] = ()  # removals of nothing
    cautions: Sequence[Problem] = ()
    steps: Sequence[Step] = ()  # numbers that change
    refused: Sequence[Problem] = ()  # problems that the published content does not have

    @property
    def has_news(self) -> bool:
        return bool(self.changed)


@dataclass(slots=True)
class Decider:
    """`refused` collects the reasons against the whole change; the caller finds the layer of each."""

    resolver: Resolver
    judge: Judge
    applied: Sequence[Applied] = ()
    cautions: list[Caution] = field(default_factory=list)
    refused: list[tuple[EdgeFacts, Pins, Problem]] = field(default_factory=list)
    blobs: dict[str, Section] = field(default_factory=dict)

    def decide(self, targeted: Sequence[Targeted], *, lifted: Collection[UUID]) -> list[EdgePlan]:
        """The fate of every edge, in the order given. Four queries at most."""
        groups = self._groups(targeted)
        self._judge([group for group in groups.values() if group.has_news and not group.problems])
        self._compare_with_published([group for group in groups.values() if group.problems])
        plans = [self._edge(targeted_edge, groups, lifted) for targeted_edge in targeted]
        self._collect_blobs(plans, groups)
        return plans

    def _groups(self, targeted: Iterable[Targeted]) -> dict[tuple[object, ...], _Group]:
        groups: dict[tuple[object, ...], _Group] = {}
        for facts, pins, why in targeted:
            key = _key(facts, pins)
            if why is None and key not in groups:
                groups[key] = self._group(facts, pins)
        return groups

    def _group(self, facts: EdgeFacts, pins: Pins) -> _Group:
        resolved = self.resolver.resolve(pins, published=facts.published, sections=facts.sections)
        problems = shape_problems(resolved)
        orphaned = orphans.find(self.resolver, before=facts.published, after=pins, changed=resolved.fresh)
        problems = orphans.instead_of(orphaned, problems)
        group = _Group(pins, facts.published, facts.sections, resolved, problems)
        group.hidden = cautioning.hidden(self.resolver, pins, self.applied)
        group.vain = cautioning.removals(self.resolver, pins, self.applied)
        if not problems:
            group.sections = {name: found for name, found in resolved.sections.items() if found is not None}
            group.digest = version_digest(group.sections)
            group.changed = difference(facts.sections, group.sections).touched
        return group

    def _judge(self, groups: Sequence[_Group]) -> None:
        """The cross-section rules, once per distinct document; then the numbers that leap."""
        for group in groups:
            self.judge.know(group.resolved.fresh.values())
        judged = self.judge.judge_all([(group.sections, group.pins.registry) for group in groups])
        for group, judgement in zip(groups, judged, strict=True):
            group.problems = list(judgement.problems)
            group.steps = leaping.steps(self.resolver, before=group.published, after=group.pins)
            group.cautions = [*judgement.cautions, *leaping.leaps(group.steps)]

    def _compare_with_published(self, groups: Sequence[_Group]) -> None:
        """What the published content breaks already does not count against a change."""
        old = [group for group in groups if group.published is not None]
        self.judge.fetch({found for group in old for found in group.before.values()})
        sound: list[_Group] = []
        for group in old:
            broken = self._broken_shapes(group)
            group.refused = _without(group.problems, broken)
            if not broken:
                sound.append(group)
        judged = self.judge.judge_all([(group.before, group.pins.registry) for group in sound])
        for group, judgement in zip(sound, judged, strict=True):
            group.refused = _without(group.problems, judgement.problems)

    def _broken_shapes(self, group: _Group) -> list[Problem]:
        return [
            Problem(one.rule, one.path, one.detail)
            for name, digest in group.before.items()
            for one in schema.check_section(name, self.judge.value(digest))
        ]

    def _edge(
        self, targeted: Targeted, groups: Mapping[tuple[object, ...], _Group], lifted: Collection[UUID]
    ) -> EdgePlan:
        facts, pins, why = targeted
        if why is not None:
            return EdgePlan(facts, pins, why, problems=facts.problems)
        group = groups[_key(facts, pins)]
        self._tell(facts, group)
        why = self._why(facts, group, lifted)
        problems = tuple({"rule": one.rule, "path": one.path, "detail": one.detail} for one in group.problems)
        return EdgePlan(facts, pins, why, group.sections, group.digest, group.changed, group.steps, problems)

    def _why(self, facts: EdgeFacts, group: _Group, lifted: Collection[UUID]) -> Why | None:
        if group.problems:
            self.refused += [(facts, group.pins, problem) for problem in group.refused]
            return "already_invalid" if facts.version else "incomplete"
        if facts.uid in lifted:
            return None
        if not group.has_news:
            return "hidden" if group.hidden else "same"
        if any(carries(group.sections, quarantine) for quarantine in facts.quarantines):
            return "quarantined"
        if facts.schemas and group.pins.schema not in facts.schemas:
            return "agent_too_old"
        return None

    def _tell(self, facts: EdgeFacts, group: _Group) -> None:
        told = [*group.hidden, *group.vain, *(group.cautions if not group.problems else group.problems)]
        self.cautions += [Caution(one.rule, facts.edge_id, one.path, one.detail) for one in told]

    def _collect_blobs(self, plans: Iterable[EdgePlan], groups: Mapping[tuple[object, ...], _Group]) -> None:
        for plan in plans:
            if plan.why is None:
                fresh = groups[_key(plan.facts, plan.pins)].resolved.fresh
                self.blobs.update({one.digest: one for one in fresh.values() if one.digest is not None})


def _without(problems: Iterable[Problem], known: Iterable[Problem]) -> list[Problem]:
    there = {(one.rule, one.path) for one in known}
    return [one for one in problems if (one.rule, one.path) not in there]


def _key(facts: EdgeFacts, pins: Pins) -> tuple[object, ...]:
    return (pins, facts.published, facts.digest)


def carries(sections: Mapping[str, str], quarantine: Mapping[str, str | None]) -> bool:
    """Whether content has all of what was refused: each digest again, each removed section missing again."""
    return bool(quarantine) and all(sections.get(name) == found for name, found in quarantine.items())
