"""The small rules that every move of the machine is made of. Pure."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.states import (
    Action,
    Attempt,
    Deadline,
    Emit,
    Moment,
    Phase,
    Quarantined,
    Reason,
    Report,
    State,
    Verify,
    Version,
)

Step = tuple[State, tuple[Action, ...]]


def is_(held: Version | None, version: Version) -> bool:
    return held is not None and held.ref == version.ref


def same_content(a: Version | None, b: Version) -> bool:
    return a is not None and dict(a.sections) == dict(b.sections)


def enter(state: State, phase: Phase) -> State:
    return replace(state, phase=phase, transitions=state.transitions + 1, boots_in_phase=0)


def new_deadline(at: Moment, seconds: float) -> Deadline:
    return Deadline(at.os_boot, at.seconds + seconds, seconds)


def rebased(deadline: Deadline | None, at: Moment) -> Deadline | None:
    if deadline is None or deadline.os_boot == at.os_boot:
        return deadline
    return new_deadline(at, deadline.left_s)


def look_at_next(state: State) -> tuple[Action, ...]:
    return (Verify(state.next),) if state.next is not None else ()


def lift(state: State, version: Version) -> State:
    kept = tuple(entry for entry in state.quarantine if not entry.matches(version.sections))
    return replace(state, quarantine=kept, lifted=(*state.lifted, version.number)[-50:])


def quarantine_pending(state: State, code: str) -> State:
    """Rule 4: by the content in which the failed version differed from what it would go back to."""
    failed = state.pending
    if failed is None:
        return state
    base = dict(state.committed.sections) if state.committed else {}
    names = sorted({*base, *failed.sections})
    changed = {n: failed.sections.get(n) for n in names if base.get(n) != failed.sections.get(n)}
    entry = Quarantined(failed.epoch, failed.number, changed or dict(failed.sections), code)
    others = tuple(kept for kept in state.quarantine if kept.sections != entry.sections)
    return replace(state, quarantine=(*others, entry)[-50:])


def tell(
    state: State, version: Version | None, status: str, at: Moment, reason: Reason | None = None
) -> tuple[State, tuple[Action, ...]]:
    """Write the attempt down, put the transition into the outbox and ask for a heartbeat at once."""
    if version is None:
        return state, (Report(),)
    why = reason or Reason("")
    attempts = state.attempt if state.pending is not None and is_(state.pending, version) else 0
    if state.last_attempt and state.last_attempt.version == version.number:
        attempts = max(attempts, state.last_attempt.attempts if status != "rejected" else 0)
    attempt = Attempt(
        version.epoch,
        version.number,
        version.digest,
        status,
        at.wall,
        why.code,
        why.detail,
        why.log,
        attempts,
    )
    emitted = Emit("transition", version.number, why.code or status, why.detail, status)
    return replace(state, last_attempt=attempt), (emitted, Report())


def quarantined(state: State, version: Version) -> Quarantined | None:
    """The quarantine entry whose whole changed content this version carries again (rule 4)."""
    return next((entry for entry in state.quarantine if entry.matches(version.sections)), None)
