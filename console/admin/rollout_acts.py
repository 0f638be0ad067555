"""What a person may do to a rollout from its page: which acts fit its phase, and their reach in words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from configs.rollouts.states import Kind, Phase, TargetState, WavePhase
from console.admin.words import count
from edges.roles import Act

# Nothing of the change has reached these.
UNTAKEN = frozenset({TargetState.PENDING, TargetState.SKIPPED, TargetState.SUPERSEDED, TargetState.GONE})
OPENING = frozenset({WavePhase.PENDING, WavePhase.OPENING})
TAKEN = (Kind.LIVE, Kind.CONFIRMED, Kind.BAD)


@dataclass(frozen=True)
class RolloutAct:
    """`command` of the use cases of steering, with `values` beside the reason."""

    label: str
    command: str
    says: str
    act: Act = "publish"
    values: Mapping[str, str] = field(default_factory=dict)
    is_destructive: bool = False


ACTS: dict[str, RolloutAct] = {
    "pause": RolloutAct(
        "Pause",
        "pause",
        "Nothing new is offered until somebody resumes it: {pending} not offered the change yet. "
        "{live} under way with it go on.",
    ),
    "continue": RolloutAct(
        "Resume",
        "resume",
        "It goes on where it was: {pending} are still to be offered the change.",
        values={"how": "continue"},
    ),
    "retry_failed": RolloutAct(
        "Resume, and retry the failed",
        "resume",
        "The change is offered once more to {bad} that failed; then it goes on to the {pending} that wait.",
        values={"how": "retry_failed"},
    ),
    "skip_failed": RolloutAct(
        "Resume, and skip the failed",
        "resume",
        "{bad} that failed are left out from now on; it goes on to the {pending} that wait.",
        values={"how": "skip_failed"},
    ),
    "restart_wave": RolloutAct(
        "Restart the wave",
        "resume",
        "Wave {wave} begins again: {of_wave} of it, those that failed and those that went back among them.",
        values={"how": "restart_wave"},
    ),
    "rollback": RolloutAct(
        "Roll back this wave",
        "roll_back",
        "Wave {wave} goes back to what ran before: {taken_of_wave}. Earlier waves keep the change.",
        act="rollback",
        values={"scope": "wave"},
        is_destructive=True,
    ),
    "rollback_all": RolloutAct(
        "Roll back all",
        "roll_back",
        "Every edge that has the change goes back to what ran before, the newest wave first: {taken}.",
        act="rollback",
        values={"scope": "all"},
        is_destructive=True,
    ),
    "advance": RolloutAct(
        "Open the next wave",
        "advance",
        "Wave {wave} of {waves} is passed by your word, without waiting for its gate; {next_wave}.",
    ),
    "cancel": RolloutAct(
        "Cancel",
        "cancel",
        "The rollout ends. No edge has taken the change; {pending} will not be offered it.",
        is_destructive=True,
    ),
}


def fitting(told: Mapping[str, Any], scope: str) -> list[str]:
    """The acts that fit where the rollout stands, the most urgent first."""
    backs = ["rollback_all", "rollback"]
    begun = told["waves"][told["wave"] - 1]["phase"] not in OPENING
    advance = ["advance"] if begun else []
    untaken = not any(number for state, number in told["targets"].items() if state not in UNTAKEN)
    cancel = ["cancel"] if untaken else []
    match told["phase"]:
        case Phase.RUNNING:
            return ["pause", *advance, *reversed(backs), *cancel]
        case Phase.PAUSED:
            hows = ["continue", "retry_failed", "skip_failed", "restart_wave"]
            return [*hows, *advance, *reversed(backs), *cancel]
        case Phase.HALTED:
            return [*backs, "retry_failed", "skip_failed", "restart_wave", *cancel]
        case Phase.ROLLING_BACK if scope == "wave":
            return ["rollback_all"]
        case _:
            return []


def reach(name: str, told: Mapping[str, Any]) -> str:
    """What the act does, with its numbers."""
    waves = told["waves"]
    at = told["wave"] - 1
    is_last = told["wave"] >= told["wave_count"]
    return ACTS[name].says.format(
        pending=_edges(waves, [Kind.PENDING]),
        live=_edges(waves, [Kind.LIVE]),
        bad=_edges(waves, [Kind.BAD]),
        taken=_edges(waves, TAKEN),
        taken_of_wave=_edges([waves[at]], TAKEN),
        of_wave=count(waves[at]["size"], "edge"),
        wave=told["wave"],
        waves=told["wave_count"],
        next_wave="it was the last one"
        if is_last
        else f"wave {told['wave'] + 1} opens for {count(waves[at + 1]['size'], 'edge')}",
    )


def _edges(waves: Iterable[Mapping[str, Any]], kinds: Iterable[Kind]) -> str:
    chosen = list(kinds)
    return count(sum(wave["counts"][str(kind)] for wave in waves for kind in chosen), "edge")
