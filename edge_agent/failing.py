"""When a version goes wrong: back to the one before, or to safe mode (rules 4, 8, 10-12). Pure."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.moves import Step, enter, is_, look_at_next, quarantine_pending, tell
from edge_agent.states import (
    FETCHED,
    SETTLED,
    Emit,
    EnterSafeMode,
    HealthFailed,
    LocalRollback,
    Lost,
    Moment,
    Phase,
    Reason,
    Report,
    Restored,
    RestoreFailed,
    Run,
    State,
)

STRIKES_FOR_LATE_FAILURE = 3


def health_failed(state: State, event: HealthFailed, at: Moment) -> Step:
    if state.phase is Phase.PROBATION and is_(state.pending, event.version):
        return fail(state, event.reason, at)
    if state.phase not in SETTLED or not is_(state.committed, event.version):
        return state, ()
    alarm = Emit("alarm", event.version.number, event.reason.code, event.reason.detail)
    guarded = state.guard is not None and not state.guard.passed(at) and state.previous is not None
    if not guarded:
        return state, (alarm,)
    state = replace(state, strikes=state.strikes + 1)
    if state.strikes < STRIKES_FOR_LATE_FAILURE:
        return state, (alarm,)
    detail = f"{event.reason.code}: {event.reason.detail}"
    return undo_committed(state, Reason("late_failure", detail, event.reason.log), at)


def local_rollback(state: State, event: LocalRollback, at: Moment) -> Step:
    if state.phase in {Phase.APPLYING, Phase.PROBATION}:
        return fail(state, event.reason, at)
    if state.phase in SETTLED and state.previous is not None:
        return undo_committed(state, event.reason, at)
    return state, ()


def undo_committed(state: State, reason: Reason, at: Moment) -> Step:
    """What was staged meanwhile is looked at again afterwards: it may carry the same content."""
    if state.next is None and state.pending is not None:
        state = replace(state, next=state.pending, next_phase=FETCHED)
    swapped = replace(state, committed=state.previous, previous=None, pending=state.committed, strikes=0)
    return fail(swapped, reason, at)


def fail(state: State, reason: Reason, at: Moment) -> Step:
    """Back to what was committed; without one, or where it has just failed itself, to safe mode (rule 11)."""
    if state.committed is None or (state.safe_tried and state.safe_tried == at.os_boot):
        return safe_mode(state, reason, at)
    state = replace(enter(state, Phase.ROLLING_BACK), reason=reason, deadline=None)
    state = quarantine_pending(state, reason.code)
    told, actions = tell(state, state.pending, "failed", at, reason)
    return told, (*actions, Run(state.committed)) if state.committed else actions


def restored(state: State, event: Restored, at: Moment) -> Step:
    if state.phase is not Phase.ROLLING_BACK or not is_(state.committed, event.version):
        return state, ()
    failed, reason = state.pending, state.reason
    state = replace(
        enter(state, Phase.ROLLED_BACK), running=state.committed, pending=None, guard=None, safe_tried=""
    )
    if failed is not None:
        state, actions = tell(state, failed, "rolled_back", at, reason)
        return state, (*actions, *look_at_next(state))
    if state.last_attempt is not None:
        state = replace(state, last_attempt=replace(state.last_attempt, status="rolled_back", at=at.wall))
    return state, (Report(), *look_at_next(state))


def restore_failed(state: State, event: RestoreFailed, at: Moment) -> Step:
    if state.phase is not Phase.ROLLING_BACK:
        return state, ()
    first = f"after {state.reason.code}: {state.reason.detail}; " if state.reason else ""
    return safe_mode(state, replace(event.reason, detail=first + event.reason.detail), at)


def safe_mode(state: State, reason: Reason, at: Moment) -> Step:
    failed = state.pending
    state = quarantine_pending(state, reason.code)
    state = replace(
        enter(state, Phase.SAFE_MODE),
        pending=None,
        running=None,
        deadline=None,
        guard=None,
        reason=reason,
        safe_tried=at.os_boot,
    )
    told, actions = tell(state, failed, "critical", at, reason)
    alarm = Emit("alarm", failed.number if failed else None, "safe_mode", f"{reason.code}: {reason.detail}")
    return told, (alarm, *actions, EnterSafeMode(state.committed), *look_at_next(state))


def lost(state: State, event: Lost, at: Moment) -> Step:
    """Rule 10: content that no longer matches is never run; an older confirmed version stands in for it."""
    if is_(state.next, event.version):
        state = replace(state, next=None, next_phase="")
    if is_(state.previous, event.version):
        state = replace(state, previous=None)
    if is_(state.committed, event.version):
        state = replace(state, committed=state.previous, running=state.previous, previous=None, guard=None)
        if state.phase in {Phase.COMMITTED, Phase.ROLLED_BACK}:
            state = replace(state, phase=Phase.ROLLED_BACK if state.committed else Phase.EMPTY)
    if not is_(state.pending, event.version):
        return state, ()
    if state.phase is Phase.STAGED:
        rest = Phase.COMMITTED if state.committed else Phase.EMPTY
        return replace(enter(state, rest), pending=None), ()
    return fail(state, Reason("content_lost", "stored content does not match its digests"), at)
