"""From what an edge reports to what a rollout makes of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from configs.rollouts.events import Sighting
from configs.rollouts.states import REFUSED, Target, TargetState
from edge_protocol.instants import parse_instant
from edges.words import LATE_AFTER_HEARTBEATS, MOVING

_BEFORE_RUNNING = {"applying": TargetState.APPLYING, "applied": TargetState.APPLIED}
_WAITS = timedelta(hours=24)  # for what is staged without an end: an operator or the site releases it


@dataclass(frozen=True, slots=True)
class Facts:
    """What is desired of an edge and what it last said. `is_ours`: its pins are the rollout's candidates.

    `gone`: why the change is no longer for it: retired | moved, else empty.
    """

    desired: int
    is_ours: bool
    running: int
    phase: str
    attempt: Mapping[str, Any]
    staged: Mapping[str, Any]
    local_hold: Mapping[str, Any] | None
    heard_at: datetime | None
    heartbeat_seconds: int
    is_alarmed: bool = False
    gone: str = ""


def sight(facts: Facts, target: Target, now: datetime) -> Sighting:
    state, code = _state(facts)
    return Sighting(
        state=state,
        version=facts.desired,
        code=code,
        is_ours=facts.is_ours,
        is_back=_is_back(facts, target),
        is_silent=is_silent(facts.heard_at, facts.heartbeat_seconds, now),
        is_held_locally=_is_held(facts.local_hold, now),
        is_alarmed=facts.is_alarmed,
        gone=facts.gone,
        until=_until(facts, now) if state == TargetState.STAGED else None,
    )


def _state(facts: Facts) -> tuple[TargetState, str]:
    """The edge's status under what it is desired to run; what it said of older versions is history."""
    attempt = facts.attempt if facts.attempt.get("version") == facts.desired else {}
    status = attempt.get("status", "")
    if status in REFUSED:
        return TargetState(status), str(attempt.get("code") or "")
    if facts.running == facts.desired:
        is_on_probation = facts.phase == "probation" or status in _BEFORE_RUNNING
        return (TargetState.APPLIED if is_on_probation else TargetState.CONFIRMED), ""
    if status in _BEFORE_RUNNING:
        return _BEFORE_RUNNING[status], ""
    if facts.staged.get("version") == facts.desired or status == "staged":
        return TargetState.STAGED, ""
    return TargetState.OFFERED, ""


def _is_back(facts: Facts, target: Target) -> bool:
    is_old = target.version is not None and facts.running >= target.version
    return is_old and facts.phase not in MOVING


def is_silent(heard_at: datetime | None, heartbeat_seconds: int, now: datetime) -> bool:
    """Missed so many heartbeats that nobody would call it online."""
    if heard_at is None:
        return True
    return now - heard_at > LATE_AFTER_HEARTBEATS * timedelta(seconds=heartbeat_seconds)


def _is_held(hold: Mapping[str, Any] | None, now: datetime) -> bool:
    if hold is None:
        return False
    return (_instant(hold.get("until")) or now + _WAITS) > now


def _until(facts: Facts, now: datetime) -> datetime:
    return _instant(facts.staged.get("until")) or now + _WAITS


def _instant(text: Any) -> datetime | None:
    """A time that the edge wrote; an end that cannot be read is no end."""
    if not isinstance(text, str):
        return None
    try:
        return parse_instant(text)
    except ValueError:
        return None
