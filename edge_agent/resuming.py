"""RESUME: how the next start goes on from every phase in which the process may have died. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge_agent.failing import fail, safe_mode
from edge_agent.moves import Step, enter, look_at_next, rebased
from edge_agent.states import (
    Apply,
    Booted,
    EnterSafeMode,
    Moment,
    Phase,
    Reason,
    Run,
    State,
    Verify,
)

MOST_ATTEMPTS = 2
MOST_BOOTS = 3
MOST_BOOTS_IN_PROBATION = 2


def booted(state: State, _event: Booted, at: Moment) -> Step:
    state = replace(state, guard=rebased(state.guard, at), deadline=rebased(state.deadline, at))
    if state.phase in {Phase.APPLYING, Phase.PROBATION, Phase.ROLLING_BACK}:
        state = replace(state, boots_in_phase=state.boots_in_phase + 1)
    new, actions = RESUME[state.phase](state, at)
    waits = () if any(isinstance(action, Verify) for action in actions) else look_at_next(new)
    return new, (*actions, *waits)


def _resume_resting(state: State, _at: Moment) -> Step:
    return state, (Run(state.committed),) if state.committed else ()


def _resume_applying(state: State, at: Moment) -> Step:
    if state.boots_in_phase > MOST_BOOTS:
        return safe_mode(state, Reason("too_many_boots", "the agent kept dying while applying"), at)
    pending = state.pending
    if pending is None or state.attempt >= MOST_ATTEMPTS:
        return fail(state, Reason("interrupted", f"not applied after {state.attempt} attempts"), at)
    run = (Run(state.committed),) if state.committed and state.running else ()
    state = replace(state, running=state.committed if run else None, attempt=state.attempt + 1)
    return state, (*run, Apply(pending))


def _resume_probation(state: State, at: Moment) -> Step:
    if state.boots_in_phase > MOST_BOOTS_IN_PROBATION:
        return fail(state, Reason("too_many_boots", "the agent started three times during the probation"), at)
    return state, (Run(state.pending),) if state.pending else ()


def _resume_rolling_back(state: State, at: Moment) -> Step:
    if state.boots_in_phase > MOST_BOOTS:
        return safe_mode(state, Reason("too_many_boots", "the agent kept dying while rolling back"), at)
    if state.committed is None:
        return safe_mode(state, Reason("content_lost", "there is nothing left to roll back to"), at)
    return state, (Run(state.committed),)


def _resume_safe_mode(state: State, at: Moment) -> Step:
    """One try of the last good version per operating-system boot (rule 12)."""
    if state.committed is None or state.safe_tried == at.os_boot:
        return state, (EnterSafeMode(state.committed),)
    state = replace(enter(state, Phase.ROLLING_BACK), safe_tried=at.os_boot, transitions=0)
    return state, (Run(state.committed),) if state.committed else ()


RESUME: dict[Phase, Callable[[State, Moment], Step]] = {
    Phase.EMPTY: _resume_resting,
    Phase.COMMITTED: _resume_resting,
    Phase.STAGED: _resume_resting,
    Phase.APPLYING: _resume_applying,
    Phase.PROBATION: _resume_probation,
    Phase.ROLLING_BACK: _resume_rolling_back,
    Phase.ROLLED_BACK: _resume_resting,
    Phase.SAFE_MODE: _resume_safe_mode,
}
