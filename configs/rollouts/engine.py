"""The rollout's state machine: state + event + now -> state + acts. Pure.

Errors before success; nothing is offered but while the rollout runs; what an edge says of itself decides,
never what it was sent. Source: lifecycle.md, "Rollout".
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from configs.rollouts import commands, pacing, returning, seeing
from configs.rollouts.events import (
    Advance,
    Cancel,
    Event,
    Offered,
    Pause,
    Resume,
    Returned,
    RollBack,
    Step,
    Supersede,
)
from configs.rollouts.gates import Answer, failure, judge
from configs.rollouts.states import DONE, OPEN, Kind, Phase, Rollout, TargetState, WavePhase
from configs.rollouts.working import Work

OBEY: dict[type[Any], Callable[[Work, Any], None]] = {
    Pause: commands.pause,
    Resume: commands.resume,
    RollBack: commands.roll_back,
    Cancel: commands.cancel,
    Advance: commands.advance,
    Supersede: commands.supersede,
}


def step(rollout: Rollout, event: Event, now: datetime) -> Step:
    """One event and everything that follows from it at `now`.

    Shape:  `rollout.targets` holds at least every target that is neither settled nor of a later wave; all of
            them for a command or while rolling back.
    Errors: NotPossibleError for a command that does not fit.
    """
    work = Work(rollout, now)
    _apply(work, event)
    if work.phase in OPEN | DONE:
        seeing.expire(work)
    if work.phase in (Phase.RUNNING, Phase.PAUSED):
        _halt_if_failed(work)
    if work.phase == Phase.PAUSED:
        _go_on_alone(work)
    if work.phase == Phase.ROLLING_BACK and rollout.is_whole:
        returning.roll_back(work)
    while work.phase == Phase.RUNNING and _progress(work):
        pass
    if work.phase in DONE:
        _follow_up(work)
    if work.phase in OPEN:
        returning.withdraw(work)
    return work.step()


def _apply(work: Work, event: Event) -> None:
    if isinstance(event, Offered):
        seeing.offered(work, event)
    elif isinstance(event, Returned):
        returning.returned(work, event)
    else:
        seeing.seen(work, event)
        if event.command is not None:
            OBEY[type(event.command)](work, event.command)


def _halt_if_failed(work: Work) -> None:
    """Late failures of earlier waves count as well."""
    for position in work.open_waves:
        counts = work.tally(position)
        words = failure(work.policy, counts)
        if words:
            work.put_wave(position, phase=WavePhase.FAILED, said=words)
            said = f"wave {position + 1}: {words}: halted"
            work.become(Phase.HALTED, said, evidence={"wave": position, "counts": counts.to_dict()})
            returning.after_halt(work)
            return


def _go_on_alone(work: Work) -> None:
    """What its gate or the next wave waits for has gone: a person's own pause stays, any other does not."""
    phase = work.waves[work.wave].phase
    begin = {WavePhase.INCONCLUSIVE: work.wave, WavePhase.PASSED: work.wave + 1}.get(phase, work.stragglers)
    left = range(begin, work.stragglers)
    if not left or not all(work.tally(position).is_deserted for position in left):
        return
    if phase == WavePhase.INCONCLUSIVE:
        commands.pass_wave(work, judge(work.policy, work.tally(work.wave), is_overdue=True).words)
    else:
        commands.next_wave(work)


def _progress(work: Work) -> bool:
    """One move of the open wave; False when it can only wait."""
    wave = work.waves[work.wave]
    if wave.phase in (WavePhase.PENDING, WavePhase.RECALLED):
        work.put_wave(work.wave, phase=WavePhase.OPENING, since=work.now, baking_since=None, said="")
        work.note("wave_opened")
        return True
    if pacing.offer(work, work.open_waves, per_site=work.policy.per_site):
        return False
    return _STAGES[wave.phase](work)


def _opening(work: Work) -> bool:
    if work.tally(work.wave)[Kind.PENDING]:
        return _overdue(work) and _inconclusive(work, "not all edges could be offered the change in time")
    work.put_wave(work.wave, phase=WavePhase.SETTLING)
    return True


def _settling(work: Work) -> bool:
    counts = work.tally(work.wave)
    if any(work.of(_LIVE, [work.wave])):
        waiting = f"{counts[Kind.LIVE]} of {counts.attempted} have not answered in time"
        return _overdue(work) and _inconclusive(work, waiting)
    work.put_wave(work.wave, phase=WavePhase.BAKING, baking_since=work.now)
    work.note("wave_baking", evidence=counts.to_dict())
    return True


def _baking(work: Work) -> bool:
    since = work.waves[work.wave].baking_since or work.now
    counts = work.tally(work.wave)
    is_early = (work.now - since).total_seconds() < work.policy.bake_seconds
    if is_early and not counts.is_deserted:
        return False
    verdict = judge(work.policy, counts, is_overdue=_overdue(work))
    if verdict.answer == Answer.PASS:
        commands.pass_wave(work, verdict.words)
        return True
    return verdict.answer == Answer.INCONCLUSIVE and _inconclusive(work, verdict.words)


def _passed(work: Work) -> bool:
    """Only where a person paused between two waves."""
    commands.next_wave(work)
    return True


_LIVE = (TargetState.OFFERED, TargetState.STAGED, TargetState.APPLYING, TargetState.APPLIED)
_STAGES: dict[WavePhase, Callable[[Work], bool]] = {
    WavePhase.OPENING: _opening,
    WavePhase.SETTLING: _settling,
    WavePhase.BAKING: _baking,
    WavePhase.PASSED: _passed,
}


def _overdue(work: Work) -> bool:
    since = work.waves[work.wave].since or work.now
    return (work.now - since).total_seconds() >= work.policy.maximum_wait_seconds


def _inconclusive(work: Work, words: str) -> bool:
    work.put_wave(work.wave, phase=WavePhase.INCONCLUSIVE, said=words)
    counts = work.tally(work.wave).to_dict()
    work.become(Phase.PAUSED, f"wave {work.wave + 1}: {words}: paused", evidence=counts)
    return False


def _follow_up(work: Work) -> None:
    """Stragglers get the change after completion, few at a time, under the same limit of bad ones."""
    position = work.stragglers
    wave, counts = work.waves[position], work.tally(position)
    if wave.phase == WavePhase.FAILED:
        return
    words = failure(work.policy, counts)
    if words:
        work.put_wave(position, phase=WavePhase.FAILED, said=words)
        work.note("stragglers_stopped", reason=words, wave=position, evidence=counts.to_dict())
        return
    pacing.offer(work, [position], per_site=work.policy.stragglers_per_site, are_stragglers=True)
