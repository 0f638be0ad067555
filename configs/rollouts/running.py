"""The shell of the machine: rows in, one event, acts done, rows out, all in one transaction.

Safe in any number of processes: the rollout's row is locked, and everything is derived from what is stored.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from configs import hinting, jobs, storing, watching
from configs.rollouts import candidates, closing, deadlines, engine, rows
from configs.rollouts.candidates import Layers
from configs.rollouts.events import Act, Command, Entry, Event, Offer, Seen
from configs.rollouts.models import Rollout as Row
from configs.rollouts.offering import Publisher
from configs.rollouts.states import DONE, Phase, Rollout
from configs.rollouts.waking import KIND
from configs.rollouts.working import MOST_EDGES_AN_ACT
from configs.signing import Signer
from edges import tenancy


class _PublishingNeededError(Exception):
    """The step moves pins: done again under the organization's lock, which comes before the rollout's."""


def run(
    *,
    organization_id: UUID,
    rollout_id: UUID,
    now: datetime,
    signer: Signer,
    reported: Collection[UUID] = (),
    command: Command | None = None,
) -> Row | None:
    """One look at a rollout: what edges reported, which deadlines passed, what a person asks.

    Errors: NotPossibleError for a command that does not fit; ClockRefused.
    """
    for is_publishing in (command is not None, True):
        try:
            with tenancy.scope([organization_id]):
                if is_publishing:
                    storing.lock(organization_id)
                row = rows.lock(rollout_id)
                if row is None:
                    return None
                _Run(row, now, signer, is_publishing=is_publishing).run(reported, command)
                return row
        except _PublishingNeededError:
            continue
    return None


class _Run:
    def __init__(self, row: Row, now: datetime, signer: Signer, *, is_publishing: bool) -> None:
        self.row, self.now, self.is_publishing = row, now, is_publishing
        self.layers: Layers = candidates.of(row)
        self.publisher = Publisher(row, self.layers, now, signer)
        self.moved = 0
        self.entries: list[Entry] = []

    def run(self, reported: Collection[UUID], command: Command | None) -> None:
        loaded = rows.load(
            self.row,
            candidates=self.layers.candidates,
            reach=self.layers.reach,
            now=self.now,
            reported=reported,
            is_whole=command is not None,
        )
        before = loaded.rollout
        after = self._step(before, Seen(loaded.sightings, command))
        if after.phase != before.phase:
            self._close(before, after)
        is_unfinished = self.moved >= MOST_EDGES_AN_ACT or self._begins(before, after)
        due_at = deadlines.due_at(after, self.now, is_unfinished=is_unfinished)
        rows.save(self.row, before, after, now=self.now, due_at=due_at)
        rows.note(self.row, self.entries, now=self.now)
        if self.entries or after != before:
            hinting.moved(
                changed="rollout",
                organization_id=self.row.organization_id,
                subject=self.row.pk,
                change_set_id=self.row.change_set_id,
                sites=self.publisher.touched,
            )
        if self.entries:
            watching.look(organization_id=self.row.organization_id, now=self.now)
        jobs.reschedule(
            kind=KIND,
            organization_id=self.row.organization_id,
            subject=self.row.pk,
            now=self.now,
            due_at=due_at,
        )

    def _step(self, rollout: Rollout, event: Event) -> Rollout:
        """One event, and the outcome of every act that it asks for, as far as one transaction should go."""
        events: list[Event] = [event]
        while events:
            step = engine.step(rollout, events.pop(0), self.now)
            rollout = step.rollout
            self.entries += step.entries
            events += [self._perform(act, rollout) for act in step.acts if self.moved < MOST_EDGES_AN_ACT]
        return rollout

    def _perform(self, act: Act, rollout: Rollout) -> Event:
        if not self.is_publishing:
            raise _PublishingNeededError
        self.moved += len(act.edges)
        if isinstance(act, Offer):
            return self.publisher.offer(act, rollout.targets)
        return self.publisher.take_back(act, rollout.phase)

    def _begins(self, before: Rollout, after: Rollout) -> bool:
        """What only the next step does, because it needs other targets."""
        is_other_phase = after.phase != before.phase and after.phase in DONE | {Phase.ROLLING_BACK}
        return is_other_phase or after.wave != before.wave

    def _close(self, before: Rollout, after: Rollout) -> None:
        if after.phase in DONE and before.phase not in DONE:
            self._require_publishing()
            closing.complete(self.row, self.layers, stragglers=after.stragglers, now=self.now)
        elif after.phase in closing.ENDS:
            self._require_publishing()
            closing.discard(self.row, after.phase, now=self.now)

    def _require_publishing(self) -> None:
        if not self.is_publishing:
            raise _PublishingNeededError
