"""What people may tell a rollout, and how its waves follow one another. Pure."""

from configs.rollouts import returning
from configs.rollouts.events import Advance, Cancel, NotPossibleError, Pause, Resume, RollBack, Supersede
from configs.rollouts.states import BAD, LIVE, OPEN, REFUSED, Kind, Phase, TargetState, WavePhase
from configs.rollouts.working import SELF, Work

STEERED = (Phase.RUNNING, Phase.PAUSED, Phase.HALTED)


def pause(work: Work, command: Pause) -> None:
    _require(work, Phase.RUNNING)
    work.become(
        Phase.PAUSED, f"paused by {command.by}: {command.reason}", by=command.by, reason=command.reason
    )


def resume(work: Work, command: Resume) -> None:
    """Out of a pause it goes on; out of a halt somebody says what becomes of the failed."""
    _require(work, Phase.PAUSED, Phase.HALTED)
    if work.phase == Phase.HALTED and command.how == "continue":
        raise NotPossibleError("The rollout is halted: say retry_failed, skip_failed or restart_wave.")
    if work.waves[work.wave].phase == WavePhase.RECALLED and command.how != "restart_wave":
        raise NotPossibleError("The wave was rolled back: restart_wave, or roll back all.")
    _HOW[command.how](work)
    for position in range(work.wave):
        if work.waves[position].phase == WavePhase.FAILED:
            work.put_wave(position, phase=WavePhase.PASSED)
    _reopen(work, is_begun_again=command.how != "continue")
    said = f"resumed by {command.by}: {command.reason}"
    evidence = {"how": command.how}
    work.become(Phase.RUNNING, said, by=command.by, reason=command.reason, evidence=evidence)


def _reopen(work: Work, *, is_begun_again: bool) -> None:
    """The open wave goes on where it was, with a new wait; or from its opening, with a new bake too."""
    wave = work.waves[work.wave]
    if is_begun_again or wave.phase == WavePhase.FAILED:
        work.put_wave(work.wave, phase=WavePhase.OPENING, since=work.now, baking_since=None, said="")
        return
    phase = wave.phase
    if phase == WavePhase.INCONCLUSIVE:
        phase = WavePhase.BAKING if wave.baking_since else WavePhase.OPENING
    since = wave.since if phase == WavePhase.PENDING else work.now
    work.put_wave(work.wave, phase=phase, since=since)


def _continue(work: Work) -> None:
    """Nothing about the targets changes."""


def _retry_failed(work: Work) -> None:
    _retry(work, list(work.open_waves))


def _retry(work: Work, waves: list[int]) -> None:
    for target in work.of(REFUSED, waves):
        work.put(target, state=TargetState.PENDING, is_retried=True, is_alarmed=False)
    deadline = work.after(work.policy.settle_seconds)
    for target in work.of((TargetState.TIMED_OUT,), waves):
        state = TargetState.OFFERED if target.is_moved else TargetState.PENDING
        work.put(target, state=state, why="", is_alarmed=False, deadline_at=deadline)
    for target in work.of((*LIVE, TargetState.CONFIRMED), waves):
        if target.is_alarmed:
            work.put(target, is_alarmed=False)


def _skip_failed(work: Work) -> None:
    for target in list(work.targets.values()):
        if target.kind == Kind.BAD and target.wave in work.open_waves:
            why = str(target.state) if target.state in BAD else "alarmed"
            work.put(target, state=TargetState.SKIPPED, why=why, deadline_at=None)


def _restart_wave(work: Work) -> None:
    _skip_failed_before(work)
    _retry(work, [work.wave])
    again = (
        TargetState.UNREACHABLE,
        TargetState.RECALLING,
        TargetState.RECALLED,
        TargetState.SUPERSEDED,
    )
    for target in work.of(again, [work.wave]):
        work.put(target, state=TargetState.PENDING, why="", deadline_at=None)


def _skip_failed_before(work: Work) -> None:
    """Late failures of earlier waves are passed over when only the open one is begun again."""
    for target in list(work.targets.values()):
        if target.kind == Kind.BAD and target.wave < work.wave:
            work.put(target, state=TargetState.SKIPPED, why=str(target.state), deadline_at=None)


_HOW = {
    "continue": _continue,
    "retry_failed": _retry_failed,
    "skip_failed": _skip_failed,
    "restart_wave": _restart_wave,
}


def roll_back(work: Work, command: RollBack) -> None:
    is_wider = work.phase == Phase.ROLLING_BACK and work.scope == "wave" and command.scope == "all"
    if not is_wider:
        _require(work, *STEERED)
    returning.begin(work, command.scope, by=command.by, reason=command.reason)


def cancel(work: Work, command: Cancel) -> None:
    _require(work, *STEERED)
    taken = sum(1 for one in work.targets.values() if one.is_moved or one.kind == Kind.RECALLING)
    if taken:
        raise NotPossibleError(f"{taken} edges have the change already: roll back all instead.")
    work.become(
        Phase.CANCELLED, f"cancelled by {command.by}: {command.reason}", by=command.by, reason=command.reason
    )


def supersede(work: Work, command: Supersede) -> None:
    _require(work, *OPEN)
    work.become(
        Phase.SUPERSEDED,
        f"superseded by {command.by}: {command.reason}",
        by=command.by,
        reason=command.reason,
    )


def advance(work: Work, command: Advance) -> None:
    """The open wave is passed by a person's word: after an inconclusive gate, or before its bake is over."""
    _require(work, Phase.RUNNING, Phase.PAUSED)
    wave = work.waves[work.wave]
    if wave.phase in (WavePhase.PENDING, WavePhase.OPENING):
        raise NotPossibleError(f"Wave {work.wave + 1} is still opening.")
    if wave.phase != WavePhase.PASSED:
        counts = work.tally(work.wave).to_dict()
        said = f"passed by {command.by}: {command.reason}"
        work.put_wave(work.wave, phase=WavePhase.PASSED, said=said)
        work.note("wave_passed", by=command.by, reason=command.reason, evidence=counts)
    next_wave(work, by=command.by, reason=command.reason)


def pass_wave(work: Work, words: str) -> None:
    """The gate says pass."""
    work.put_wave(work.wave, phase=WavePhase.PASSED, said=words)
    work.note("wave_passed", reason=words, evidence=work.tally(work.wave).to_dict())
    left = range(work.wave + 1, work.stragglers)
    if work.policy.advance == "manual" and not all(work.tally(one).is_deserted for one in left):
        work.become(Phase.PAUSED, f"wave {work.wave + 1} passed ({words}): the next one waits for a person")
        return
    next_wave(work)


def next_wave(work: Work, *, by: str = SELF, reason: str = "") -> None:
    if work.wave + 1 < work.stragglers:
        work.wave += 1
        if work.phase != Phase.RUNNING:
            work.become(Phase.RUNNING, f"wave {work.wave + 1} opens", by=by, reason=reason)
        work.said = f"wave {work.wave + 1} of {work.stragglers} is open"
        return
    _complete(work, by=by)


def _complete(work: Work, *, by: str) -> None:
    """Who was unreachable follows when it comes back."""
    for target in work.of((TargetState.UNREACHABLE, TargetState.PENDING)):
        work.put(target, wave=work.stragglers)
    left = [work.tally(position) for position in range(len(work.waves))]
    kinds = (Kind.BAD, Kind.LIVE, Kind.PENDING, Kind.UNREACHABLE, Kind.PASSED_BY)
    exceptions = {str(kind): sum(one[kind] for one in left) for kind in kinds}
    words = ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in exceptions.items() if number)
    work.put_wave(work.stragglers, phase=WavePhase.OPENING, since=work.now)
    if words:
        said = f"completed with exceptions: {words}"
        work.become(Phase.COMPLETED_WITH_EXCEPTIONS, said, by=by, evidence=exceptions)
    else:
        is_nobody = any(one[Kind.GONE] for one in left) and not any(one[Kind.CONFIRMED] for one in left)
        work.become(Phase.COMPLETED, "completed: nobody is left" if is_nobody else "completed", by=by)


def _require(work: Work, *phases: Phase) -> None:
    if work.phase not in phases:
        raise NotPossibleError(f"The rollout is {work.phase.replace('_', ' ')}: {work.said}")
