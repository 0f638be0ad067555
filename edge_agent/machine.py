"""What an edge does with a version: `step(state, event, at) -> (state, actions)`, pure (lifecycle.md).

The shell writes the new state down before it performs an action, so a state always says what may be under
way. Whatever the process was doing when it died, RESUME says how the next start goes on. An event that does
not fit the phase changes nothing: it is news about something that is over.

Every way out ends in one of three: the old version healthy, the new one healthy, or safe mode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from edge_agent.failing import fail, health_failed, local_rollback, lost, restore_failed, restored, safe_mode
from edge_agent.moves import (
    Step,
    enter,
    is_,
    lift,
    look_at_next,
    new_deadline,
    quarantined,
    same_content,
    tell,
)
from edge_agent.resuming import booted
from edge_agent.states import (
    BUSY,
    FETCHED,
    RESTING,
    SETTLED,
    VERIFIED,
    Acknowledged,
    Action,
    Apply,
    ApplyFailed,
    Barrier,
    BarrierMoved,
    Booted,
    Confirm,
    Emit,
    Event,
    Fetched,
    GuardTicked,
    HealthFailed,
    HealthHeld,
    LocalRetry,
    LocalRollback,
    Lost,
    Moment,
    Offered,
    Phase,
    Reason,
    Rejected,
    Restored,
    RestoreFailed,
    State,
    Verified,
    Verify,
    Version,
)

MOST_TRANSITIONS = 28
GUARD_S = 24 * 3600.0


def step(state: State, event: Event, at: Moment) -> Step:
    """Purpose: the only place where the lifecycle moves. Shape: pure. Source: lifecycle.md.

    Errors: none; an event that does not fit is answered with the same state and no action.
    """
    new, actions = HANDLERS[type(event)](state, event, at)
    looping = new.transitions > MOST_TRANSITIONS and new.phase not in RESTING | {Phase.SAFE_MODE}
    if looping:
        return safe_mode(new, Reason("too_many_transitions", f"more than {MOST_TRANSITIONS}"), at)
    return new, actions


def _offered(state: State, event: Offered, at: Moment) -> Step:
    version = event.version
    if version.is_retry and version.number not in state.lifted:
        state = lift(state, version)
    found = quarantined(state, version)
    if found is None:
        return state, ()
    detail = f"it carries again what failed in version {found.version} ({found.code})"
    return _rejected(state, Rejected(version, Reason("quarantined", detail)), at)


def _fetched(state: State, event: Fetched, _at: Moment) -> Step:
    told: tuple[Action, ...] = ()
    if state.next is not None and state.next.ref != event.version.ref:
        told = (Emit("transition", state.next.number, "superseded", status="superseded"),)
    return replace(state, next=event.version, next_phase=FETCHED), (*told, Verify(event.version))


def _rejected(state: State, event: Rejected, at: Moment) -> Step:
    if is_(state.next, event.version):
        state = replace(state, next=None, next_phase="")
    return tell(state, event.version, "rejected", at, event.reason)


def _verified(state: State, event: Verified, at: Moment) -> Step:
    if not is_(state.next, event.version):
        return state, ()
    refused, actions = _offered(state, Offered(event.version), at)
    if actions:
        return refused, actions
    state = replace(state, next=event.version, next_phase=VERIFIED)
    if state.phase in RESTING and same_content(state.committed, event.version):
        return _take_over(state, event.version, at)
    if state.phase in RESTING or state.phase is Phase.STAGED:
        return _promote(state, event.version, event.barrier, event.gates, at)
    if state.phase in {Phase.PROBATION, Phase.SAFE_MODE} and event.barrier.open:
        return _promote(state, event.version, event.barrier, event.gates, at)
    return state, ()


def _barrier_moved(state: State, event: BarrierMoved, at: Moment) -> Step:
    waits_behind = state.phase in {Phase.PROBATION, Phase.SAFE_MODE} and state.next_phase == VERIFIED
    if waits_behind and is_(state.next, event.version) and event.barrier.open:
        return _promote(state, event.version, event.barrier, event.gates, at)
    if state.phase is not Phase.STAGED or not is_(state.pending, event.version):
        return state, ()
    if event.barrier.open:
        return _apply(replace(state, baseline=dict(event.gates)), event.version, at)
    return replace(state, until=event.barrier.until, barrier=event.barrier.mode), ()


def _take_over(state: State, version: Version, at: Moment) -> Step:
    """Rule 2: no changed section, so no driver and no probation; the guard of the change before goes on."""
    old = state.committed
    state = replace(
        state, committed=version, running=version, next=None, next_phase="", phase=Phase.COMMITTED
    )
    previous = state.previous if old is None or same_content(old, version) else old
    told, actions = tell(replace(state, previous=previous), version, "confirmed", at)
    return told, (Confirm(version), *actions)


def _promote(state: State, version: Version, barrier: Barrier, gates: Mapping[str, bool], at: Moment) -> Step:
    """`next` becomes `pending`; what waited or was on probation before it is superseded (rule 3)."""
    told: tuple[Action, ...] = ()
    if state.pending is not None:
        told = (Emit("transition", state.pending.number, "superseded", status="superseded"),)
    if state.phase is not Phase.PROBATION:
        state = replace(state, baseline=dict(gates)) if barrier.open else state
    state = replace(state, pending=version, next=None, next_phase="", transitions=0, attempt=0)
    moved, actions = _apply(state, version, at) if barrier.open else _stage(state, version, barrier, at)
    return moved, (*told, *actions)


def _stage(state: State, version: Version, barrier: Barrier, at: Moment) -> Step:
    state = replace(enter(state, Phase.STAGED), until=barrier.until, barrier=barrier.mode)
    return tell(state, version, "staged", at, Reason(barrier.mode, barrier.until or ""))


def _apply(state: State, version: Version, at: Moment) -> Step:
    state = replace(
        enter(state, Phase.APPLYING), attempt=state.attempt + 1, until=None, barrier="", reason=None
    )
    told, actions = tell(state, version, "applying", at)
    return told, (*actions, Apply(version))


def _acknowledged(state: State, event: Acknowledged, at: Moment) -> Step:
    if state.phase is not Phase.APPLYING or not is_(state.pending, event.version):
        return state, ()
    version = event.version
    state = replace(
        enter(state, Phase.PROBATION), running=version, deadline=new_deadline(at, float(version.probation_s))
    )
    told, actions = tell(state, version, "applied", at)
    return told, (*actions, *look_at_next(state))


def _apply_failed(state: State, event: ApplyFailed, at: Moment) -> Step:
    if state.phase is not Phase.APPLYING or not is_(state.pending, event.version):
        return state, ()
    return fail(state, event.reason, at)


def _health_held(state: State, event: HealthHeld, at: Moment) -> Step:
    if state.phase in SETTLED and state.strikes and is_(state.committed, event.version):
        return replace(state, strikes=0), ()
    on_probation = state.phase is Phase.PROBATION and is_(state.pending, event.version)
    if not on_probation or (state.deadline is not None and not state.deadline.passed(at)):
        return state, ()
    return _commit(state, event.version, at)


def _commit(state: State, version: Version, at: Moment) -> Step:
    previous = state.previous if same_content(state.committed, version) else state.committed
    state = replace(
        enter(state, Phase.COMMITTED),
        committed=version,
        previous=previous,
        pending=None,
        running=version,
        deadline=None,
        guard=new_deadline(at, GUARD_S),
        strikes=0,
        safe_tried="",
    )
    told, actions = tell(state, version, "confirmed", at)
    return told, (Confirm(version), *actions, *look_at_next(state))


def _local_retry(state: State, event: LocalRetry, at: Moment) -> Step:
    """On site the same content is offered once more; like the cloud's retry it counts once per number."""
    if state.phase in BUSY or event.version.number in state.lifted:
        return state, ()
    return _fetched(lift(state, event.version), Fetched(event.version), at)


def _guard_ticked(state: State, _event: GuardTicked, at: Moment) -> Step:
    if state.guard is None:
        return state, ()
    left = state.guard.remaining_s(at)
    return replace(state, guard=replace(state.guard, left_s=left) if left > 0 else None), ()


HANDLERS: dict[type, Callable[[State, Any, Moment], Step]] = {
    Booted: booted,
    Offered: _offered,
    Fetched: _fetched,
    Verified: _verified,
    Rejected: _rejected,
    BarrierMoved: _barrier_moved,
    Acknowledged: _acknowledged,
    ApplyFailed: _apply_failed,
    HealthHeld: _health_held,
    HealthFailed: health_failed,
    Restored: restored,
    RestoreFailed: restore_failed,
    LocalRollback: local_rollback,
    LocalRetry: _local_retry,
    Lost: lost,
    GuardTicked: _guard_ticked,
}
