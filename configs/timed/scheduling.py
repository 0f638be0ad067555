"""A draft that waits: for an instant, for a window, or only for a worker that has time for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from configs import changesets, jobs, previewing, publishing, storing
from configs.changes import Actor
from configs.models import ChangeSet, State
from configs.outcomes import Preview
from configs.planning import Plan
from configs.rollouts import policies, rebasing, starting
from configs.rollouts.policies import Share, Wish
from configs.stored import change_of
from configs.timed import ending, gate, noting, telling, windows
from configs.timed.models import Timing
from configs.timed.windows import Opening, Window
from edges import tenancy

KIND = "change_set"
LONGEST_AHEAD = timedelta(days=366)
WAITING = (State.DRAFT, State.SCHEDULED)


@dataclass(frozen=True, slots=True)
class When:
    """Either an instant, or a weekly or daily window; neither: as soon as a worker has time."""

    at: datetime | None = None
    window: Window | None = None

    def opening(self, now: datetime) -> Opening:
        """Errors: ChangeRefused for what lies behind, or too far ahead."""
        if self.at is not None and self.window is not None:
            raise windows.refused("give an instant or a window, not both", rule="schedule")
        if self.window is not None:
            return windows.next_opening(self.window, now)
        at = now if self.at is None else self.at
        if at < now:
            raise windows.refused(
                f"{_utc(at)} is past: give a later time, or publish at once", rule="schedule"
            )
        if at > now + LONGEST_AHEAD:
            raise windows.refused(f"{_utc(at)} is more than a year ahead", rule="schedule")
        return Opening(at, now + 2 * LONGEST_AHEAD)


def schedule(
    *,
    organization_id: UUID,
    change_set_id: UUID,
    when: When,
    actor: Actor,
    now: datetime,
    wish: Wish | None = None,
    is_rebased: bool = False,
    until: datetime | None = None,
    preview_digest: str | None = None,
) -> Timing:
    """Purpose: let a worker publish a draft later, exactly as it is previewed now; again: at another time.

    Shape: `wish` None publishes everywhere at once, else it starts that rollout; `until`: its planned end.
    Errors: as publishing it now would (ChangeRefused, Conflict, LayerInRollout, PreviewChanged,
    ApprovalRequired); ChangeRefused for times that make no sense; NotInState, Unknown.
    Source: lifecycle.md, "Change set"; docs/adr/0009.
    """
    opening = when.opening(now)
    check_until(until, opening.at)
    if wish is not None:
        policies.check(wish)
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        row = changesets.draft(change_set_id, *WAITING)
        was = row.state
        preview = _check(row, wish, now=now, is_rebased=is_rebased, preview_digest=preview_digest)
        storing.advance(organization_id, numbered=False)
        ChangeSet.objects.filter(pk=row.pk).update(state=State.SCHEDULED)
        timing = noting.timing(row)
        timing.due_at, timing.window = opening.at, None if when.window is None else when.window.to_dict()
        timing.closes_at = None if when.window is None else opening.until
        timing.rollout, timing.is_rebased = None if wish is None else wish_to_dict(wish), is_rebased
        timing.preview_digest, timing.said = preview.preview_digest, ""
        timing.by, timing.by_user_id = actor.name, actor.user_id
        if until is not None:
            timing.until, timing.until_by = until, actor.name
        timing.save()
        await_due(timing, now=now)
        ending.await_end(timing, now=now)
        what = "rescheduled" if was == State.SCHEDULED else "scheduled"
        noting.note(row, what, by=actor.name, now=now, detail=words(timing))
    return timing


def hurry(
    *,
    organization_id: UUID,
    change_set_id: UUID,
    actor: Actor,
    now: datetime,
    preview_digest: str | None = None,
) -> Timing:
    """Purpose: what waits for its time waits only for a worker, else as it was scheduled: its waves, its end.

    Errors: as `schedule`.
    """
    with tenancy.scope([organization_id]):
        timing = noting.timing(changesets.draft(change_set_id, State.SCHEDULED))
        return schedule(
            organization_id=organization_id,
            change_set_id=change_set_id,
            when=When(),
            wish=None if timing.rollout is None else wish_of(timing.rollout),
            is_rebased=timing.is_rebased,
            actor=actor,
            now=now,
            preview_digest=preview_digest,
        )


def unschedule(
    *, organization_id: UUID, change_set_id: UUID, reason: str, actor: Actor, now: datetime
) -> None:
    """What waited is a draft again; nothing of it is lost. Errors: NotInState, Unknown."""
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        row = changesets.draft(change_set_id, State.SCHEDULED)
        put_back(row, now=now, said="")
        noting.note(row, "unscheduled", by=actor.name, now=now, detail=reason)


def put_back(row: ChangeSet, *, now: datetime, said: str) -> None:
    """A draft again, with the reason. Needs the lock."""
    storing.advance(row.organization_id, numbered=False)
    ChangeSet.objects.filter(pk=row.pk).update(state=State.DRAFT)
    Timing.objects.filter(pk=row.pk).update(due_at=None, window=None, closes_at=None, said=said)
    jobs.reschedule(kind=KIND, organization_id=row.organization_id, subject=row.pk, now=now, due_at=None)


def await_due(timing: Timing, *, now: datetime) -> None:
    """The job that looks at it, and the word that it waits. Needs a scope."""
    organization_id, subject = timing.organization_id, timing.change_set_id
    due_at = timing.due_at
    jobs.reschedule(kind=KIND, organization_id=organization_id, subject=subject, now=now, due_at=due_at)
    telling.keep(organization_id=organization_id, change_set_id=subject, phase="waiting", now=now)


def check_until(until: datetime | None, begins: datetime) -> None:
    """Errors: ChangeRefused for an end that is not after the beginning."""
    if until is not None and until <= begins:
        raise windows.refused(
            f"the planned end {_utc(until)} is not after the beginning {_utc(begins)}", rule="until"
        )


def words(timing: Timing) -> str:
    """When and how, for people."""
    how = "as a rollout" if timing.rollout else "everywhere at once"
    when = "as soon as possible" if timing.due_at is None else _utc(timing.due_at)
    within = f", in the window {Window.of(timing.window).words()}" if timing.window else ""
    ends = f", until {_utc(timing.until)}" if timing.until else ""
    return f"{when}{within}, {how}{ends}"


def wish_to_dict(wish: Wish) -> dict[str, Any]:
    shares = None if wish.shares is None else [one.to_dict() for one in wish.shares]
    return {"preset": wish.preset, "shares": shares, "knobs": dict(wish.knobs or {})}


def wish_of(kept: Mapping[str, Any]) -> Wish:
    shares = kept["shares"]
    return Wish(kept["preset"], None if shares is None else [Share(**one) for one in shares], kept["knobs"])


def _check(
    row: ChangeSet, wish: Wish | None, *, now: datetime, is_rebased: bool, preview_digest: str | None
) -> Preview:
    """Whatever would refuse it now refuses to let it wait."""
    plan = _plan(row, now=now, is_rebased=is_rebased) if wish is None else starting.check(row, wish, now=now)
    gate.require(plan, row)
    if preview_digest is not None:
        previewing.compare(row.organization_id, preview_digest, plan.preview)
    previewing.keep(row.organization_id, plan.preview, now=now)
    return plan.preview


def _plan(row: ChangeSet, *, now: datetime, is_rebased: bool) -> Plan:
    plan = publishing.prepare(row.organization_id, change_of(row), now=now, is_rebased=is_rebased)
    changesets.refuse_conflicts(plan, row.base)
    rebasing.refuse(plan.states, plan.application, kind=plan.change.kind, rebased=plan.rebased)
    return plan


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
