"""The way back: withdrawing what was not touched, recalling what was. Pure."""

from configs.rollouts.events import Fate, Return, Returned, Scope
from configs.rollouts.states import NEEDLESS, UNTOUCHED, Kind, Phase, Target, TargetState, WavePhase
from configs.rollouts.working import MOST_EDGES_AN_ACT, SELF, Work

BY_ITSELF = frozenset({TargetState.ROLLED_BACK, TargetState.REJECTED})
WITHDRAWN = (TargetState.PENDING, TargetState.UNREACHABLE)


def withdraw(work: Work) -> None:
    """Edges that are to wait, or cannot be reached, get the pins back that they had."""
    if any(isinstance(act, Return) for act in work.acts):
        return
    moved = [one for one in work.of(WITHDRAWN) if one.is_moved and not one.is_retried]
    if moved:
        work.acts.append(Return(tuple(one.edge for one in moved[:MOST_EDGES_AN_ACT])))


def after_halt(work: Work) -> None:
    """Nothing new is offered from here on; `on_fail` says what else, where no person has chosen."""
    if work.policy.on_fail == "hold":
        for target in work.of(UNTOUCHED):
            work.put(target, state=TargetState.PENDING, deadline_at=None)
        return
    scope: Scope = "wave" if work.policy.on_fail == "roll_back_wave" else "all"
    begin(work, scope, by=SELF, reason=f"on_fail is {work.policy.on_fail}: {work.said}")


def begin(work: Work, scope: Scope, *, by: str, reason: str) -> None:
    """The recalling itself starts with the first step that knows every target."""
    work.scope = scope
    what = f"wave {work.wave + 1}" if scope == "wave" else "all waves"
    work.become(Phase.ROLLING_BACK, f"rolling back {what}: {reason}", by=by, reason=reason)


def roll_back(work: Work) -> None:
    """Newest first. Done when nobody is left who could still answer in time."""
    waves = [work.wave] if work.scope == "wave" else list(work.open_waves)
    moved = [one for one in work.targets.values() if one.is_moved and one.wave in waves]
    if moved:
        newest_first = sorted(moved, key=lambda one: (-one.wave, -one.place))
        work.acts.append(Return(tuple(one.edge for one in newest_first[:MOST_EDGES_AN_ACT])))
        return
    if any(_is_awaited(work, one) for one in work.of((TargetState.RECALLING,), waves)):
        return
    _finish(work)


def _is_awaited(work: Work, target: Target) -> bool:
    return target.deadline_at is not None and target.deadline_at > work.now


def _finish(work: Work) -> None:
    left = sum(work.tally(position)[Kind.RECALLING] for position in work.open_waves)
    words = f"{left} have not answered yet" if left else "no edge is on it any more"
    if work.scope == "all":
        for position in work.open_waves:
            work.put_wave(position, phase=WavePhase.RECALLED)
        work.become(Phase.ROLLED_BACK, f"rolled back: {words}", evidence={"waiting": left})
        return
    work.put_wave(work.wave, phase=WavePhase.RECALLED)
    work.scope = ""
    work.become(Phase.HALTED, f"wave {work.wave + 1} was rolled back: {words}", evidence={"waiting": left})


def returned(work: Work, event: Returned) -> None:
    for edge, fate in event.fates.items():
        _returned(work, work.targets[edge], fate)


def _returned(work: Work, target: Target, fate: Fate) -> None:
    if target.state in WITHDRAWN:
        work.put(target, is_moved=False, version=None, offered_at=None, deadline_at=None)
    elif fate.why == "held":
        work.put(target, is_moved=False, state=TargetState.SKIPPED, why="held", deadline_at=None)
    elif fate.why == "superseded":
        work.put(target, is_moved=False, state=TargetState.SUPERSEDED, deadline_at=None)
    elif target.state in BY_ITSELF or target.state == TargetState.SKIPPED:
        work.put(target, is_moved=False, deadline_at=None)
    elif fate.version is None:
        state = TargetState.RECALLED if fate.why in NEEDLESS else TargetState.SKIPPED
        work.put(target, is_moved=False, state=state, why=fate.why, deadline_at=None)
    else:
        work.put(
            target,
            is_moved=False,
            state=TargetState.RECALLING,
            version=fate.version,
            why="",
            is_alarmed=False,
            deadline_at=work.after(work.policy.settle_seconds),
        )
