"""A rollout while one step changes it: the mutable inside of a pure function."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from configs.rollouts.events import Act, Entry, Step
from configs.rollouts.states import Phase, Policy, Rollout, Tally, Target, TargetState, Wave, tally

MOST_EDGES_AN_ACT = 500  # so that nobody waits long for a rollout's lock
SELF = "the rollout"

Evidence = Mapping[str, Any]


class Work:
    """What has changed so far, and what is to be done."""

    def __init__(self, rollout: Rollout, now: datetime) -> None:
        self.before = rollout
        self.now = now
        self.policy: Policy = rollout.policy
        self.targets: dict[UUID, Target] = dict(rollout.targets)
        self.waves: list[Wave] = list(rollout.waves)
        self.wave, self.phase, self.said, self.scope = (
            rollout.wave,
            rollout.phase,
            rollout.said,
            rollout.scope,
        )
        self.credit, self.credit_at = rollout.credit, rollout.credit_at
        self.acts: list[Act] = []
        self.entries: list[Entry] = []

    def step(self) -> Step:
        after = replace(
            self.before,
            targets=self.targets,
            waves=tuple(self.waves),
            phase=self.phase,
            wave=self.wave,
            said=self.said,
            scope=self.scope,
            credit=self.credit,
            credit_at=self.credit_at,
        )
        return Step(after, tuple(self.acts), tuple(self.entries))

    @property
    def stragglers(self) -> int:
        return len(self.waves) - 1

    @property
    def open_waves(self) -> range:
        return range(self.wave + 1)

    def put(self, target: Target, **changes: Any) -> Target:
        changed = self.targets[target.edge] = replace(target, **changes)
        return changed

    def put_wave(self, position: int, **changes: Any) -> Wave:
        self.waves[position] = replace(self.waves[position], **changes)
        return self.waves[position]

    def of(self, states: Collection[TargetState], waves: Collection[int] | None = None) -> Iterator[Target]:
        """Targets in these states, safe to change while they are walked through."""
        for target in list(self.targets.values()):
            if target.state in states and (waves is None or target.wave in waves):
                yield target

    def tally(self, wave: int) -> Tally:
        return tally(self.targets.values(), self.before.others, wave)

    def after(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def become(
        self, phase: Phase, said: str, *, by: str = SELF, reason: str = "", evidence: Evidence | None = None
    ) -> None:
        """Another phase of the whole rollout, with its line in the audit."""
        self.phase, self.said = phase, said
        self.note(str(phase), by=by, reason=reason or said, evidence=evidence)

    def note(
        self,
        what: str,
        *,
        by: str = SELF,
        reason: str = "",
        wave: int | None = None,
        evidence: Evidence | None = None,
    ) -> None:
        position = self.wave if wave is None else wave
        self.entries.append(Entry(what, by, reason, position, evidence or {}))
