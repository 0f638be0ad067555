"""What a worker does when a change set that waited is due: everything is checked again at that moment."""

from datetime import datetime
from uuid import UUID

from configs import changesets, storing
from configs.changes import Actor
from configs.models import ChangeSet, State
from configs.refusals import ClockRefused, NotInState, Refusal
from configs.rollouts import starting
from configs.signing import Signer
from configs.timed import noting, scheduling, telling, windows
from configs.timed.models import Timing
from configs.timed.windows import Window
from edges import roles, tenancy
from edges.models import Membership


def publish_due(*, organization_id: UUID, change_set_id: UUID, now: datetime, signer: Signer) -> None:
    """Purpose: publish what waited until now, or make it a draft again with the reason.

    What was rescheduled, unscheduled or published meanwhile is left alone. Errors: ClockRefused, after which
    nothing is changed and the job is tried again.
    """
    with tenancy.scope([organization_id]):
        timing = Timing.objects.filter(pk=change_set_id, change_set__state=State.SCHEDULED).first()
        if timing is None or timing.due_at is None or timing.due_at > now:
            return
        if timing.window is not None and timing.closes_at is not None and timing.closes_at <= now:
            _wait_again(timing, Window.of(timing.window), now=now)
            return
        try:
            _publish(timing, now=now, signer=signer)
        except ClockRefused:
            raise
        except Refusal as refused:
            _put_back(timing, refused, now=now)


def _wait_again(timing: Timing, window: Window, *, now: datetime) -> None:
    """Nobody had time while the window was open: the next one."""
    storing.lock(timing.organization_id)
    row = changesets.draft(timing.change_set_id, State.SCHEDULED)
    opening = windows.next_opening(window, now)
    timing.due_at, timing.closes_at = opening.at, opening.until
    timing.save(update_fields=["due_at", "closes_at"])
    scheduling.await_due(timing, now=now)
    noting.note(row, "window_missed", by="", now=now, detail=scheduling.words(timing))


def _publish(timing: Timing, *, now: datetime, signer: Signer) -> None:
    organization_id, change_set_id = timing.organization_id, timing.change_set_id
    actor = Actor(timing.by, timing.by_user_id)
    with tenancy.scope([organization_id]):
        _require_role(timing)
        scheduling.check_until(timing.until, now)
        if timing.rollout is None:
            outcome = changesets.publish_draft(
                organization_id=organization_id,
                change_set_id=change_set_id,
                actor=actor,
                now=now,
                signer=signer,
                preview_digest=timing.preview_digest,
                is_rebased=timing.is_rebased,
                state=State.SCHEDULED,
                tell=telling.aloud(organization_id, change_set_id),
            )
            edges = len(outcome.affected)
        else:
            starting.start(
                organization_id=organization_id,
                change_set_id=change_set_id,
                wish=scheduling.wish_of(timing.rollout),
                actor=actor,
                now=now,
                preview_digest=timing.preview_digest,
                state=State.SCHEDULED,
            )
            edges = 0
        Timing.objects.filter(pk=change_set_id).update(due_at=None, closes_at=None, said="")
        telling.keep(
            organization_id=organization_id,
            change_set_id=change_set_id,
            phase="published",
            now=now,
            edges=edges,
        )


def _require_role(timing: Timing) -> None:
    """Errors: NotInState when who scheduled it may no longer publish."""
    if timing.by_user_id is None:
        return
    held = Membership.objects.filter(user=timing.by_user_id, user__is_active=True)
    if not any(roles.allows(role, "publish") for role in held.values_list("role", flat=True)):
        raise NotInState(f"{timing.by}, who scheduled it, may no longer publish here.")


def _put_back(timing: Timing, refused: Refusal, *, now: datetime) -> None:
    said = (
        f"Not published when it was due ({scheduling.words(timing)}): {refused.detail} "
        "It is a draft again and nothing of it is lost: look at its preview, then publish or schedule it."
    )
    storing.lock(timing.organization_id)
    row = ChangeSet.objects.get(pk=timing.change_set_id)
    if row.state != State.SCHEDULED:
        return
    scheduling.put_back(row, now=now, said=said)
    telling.keep(
        organization_id=row.organization_id, change_set_id=row.pk, phase="refused", now=now, error=said
    )
    noting.note(row, "put_back", by="", now=now, detail=said)
