"""Changes with an end: when it comes, what they did is reverted, if nobody touched it since."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from configs import changesets, jobs, storing
from configs.changes import Actor
from configs.models import ChangeSet, State
from configs.outcomes import Drafted, Outcome
from configs.refusals import ClockRefused, LayerInRollout, Refusal
from configs.signing import Signer
from configs.timed import noting, windows
from configs.timed.models import Timing
from edges import tenancy

KIND = "change_set_end"
OPEN = (State.DRAFT, State.AWAITING_APPROVAL, State.SCHEDULED, State.IN_ROLLOUT, State.PUBLISHED)
# A rollout of the same layers must be over first; a person may also end it.
TRY_AGAIN = timedelta(minutes=5)


def set_end(
    *, organization_id: UUID, change_set_id: UUID, until: datetime | None, actor: Actor, now: datetime
) -> Timing:
    """Purpose: give a change an end, before or after it is published; None: it stays.

    Errors: ChangeRefused for an end that is past or before the beginning; NotInState, Unknown.
    """
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        row = changesets.draft(change_set_id, *OPEN)
        timing = noting.timing(row)
        begins = timing.due_at or now
        if until is not None and until <= begins:
            raise windows.refused(
                f"the planned end {until:%Y-%m-%d %H:%M} UTC is not after {begins:%Y-%m-%d %H:%M} UTC",
                rule="until",
            )
        timing.until, timing.until_by = until, "" if until is None else actor.name
        timing.save()
        await_end(timing, now=now)
        detail = "it stays" if until is None else f"{until:%Y-%m-%d %H:%M} UTC"
        noting.note(row, "end_planned", by=actor.name, now=now, detail=detail)
    return timing


def publish_until(
    *,
    organization_id: UUID,
    change_set_id: UUID,
    until: datetime,
    actor: Actor,
    now: datetime,
    signer: Signer,
    reason: str | None = None,
    preview_digest: str | None = None,
    is_rebased: bool = False,
) -> Outcome:
    """Purpose: publish a draft now, with an end. Errors: as `changesets.publish_draft` and `set_end`."""
    which: dict[str, Any] = {"organization_id": organization_id, "change_set_id": change_set_id}
    with tenancy.scope([organization_id]):
        set_end(**which, until=until, actor=actor, now=now)
        return changesets.publish_draft(
            **which,
            actor=actor,
            now=now,
            signer=signer,
            reason=reason,
            preview_digest=preview_digest,
            is_rebased=is_rebased,
        )


def await_end(timing: Timing, *, now: datetime) -> None:
    """The job that looks at it then. Needs a scope."""
    jobs.reschedule(
        kind=KIND,
        organization_id=timing.organization_id,
        subject=timing.change_set_id,
        now=now,
        due_at=timing.until,
    )


def end_due(*, organization_id: UUID, change_set_id: UUID, now: datetime, signer: Signer) -> None:
    """Purpose: publish the checked revert of a change whose end has come; a draft of it where it conflicts.

    Errors: ClockRefused, after which nothing is changed and the job is tried again.
    """
    with tenancy.scope([organization_id]):
        timing = Timing.objects.select_related("change_set").filter(pk=change_set_id).first()
        if timing is None or timing.until is None or timing.until > now:
            return
        row: ChangeSet = timing.change_set
        if row.state == State.IN_ROLLOUT:
            _later(timing, "its rollout is still under way", now=now)
        elif row.state == State.PUBLISHED:
            _revert(timing, row, now=now, signer=signer)


def _revert(timing: Timing, row: ChangeSet, *, now: datetime, signer: Signer) -> None:
    try:
        with tenancy.scope([row.organization_id]):
            done = changesets.revert(
                organization_id=row.organization_id,
                change_set_id=row.pk,
                reason=f"Planned end of change #{row.number}",
                actor=Actor(f"{timing.until_by} (planned end)"),
                now=now,
                signer=signer,
            )
    except ClockRefused:
        raise
    except LayerInRollout as busy:
        _later(timing, busy.detail, now=now)
    except Refusal as refused:
        _say(
            timing, row, f"Its planned end was not carried out: {refused.detail} Revert it by hand.", now=now
        )
    else:
        if isinstance(done, Drafted):
            first = done.touched[0]
            said = (
                f"Its planned end was not carried out: {first['path'] or 'the whole layer'} was changed by "
                f"#{first['number']} since. What would undo it is draft #{done.number}: look at it, then "
                "publish or cancel it."
            )
            _say(timing, row, said, now=now)
        else:
            noting.note(row, "ended", by="", now=now, detail=f"reverted by change #{done.number}")


def _later(timing: Timing, why: str, *, now: datetime) -> None:
    said = f"Its planned end waits: {why}. It is tried again every five minutes."
    Timing.objects.filter(pk=timing.pk).update(said=said)
    jobs.reschedule(
        kind=KIND,
        organization_id=timing.organization_id,
        subject=timing.change_set_id,
        now=now,
        due_at=now + TRY_AGAIN,
    )


def _say(timing: Timing, row: ChangeSet, said: str, *, now: datetime) -> None:
    Timing.objects.filter(pk=timing.pk).update(said=said)
    noting.note(row, "end_refused", by="", now=now, detail=said)
