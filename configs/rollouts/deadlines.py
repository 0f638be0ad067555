"""When a rollout must be looked at again although nobody reports. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from configs.rollouts.pacing import next_credit_at
from configs.rollouts.states import DONE, LIVE, OPEN, Phase, Rollout, TargetState, WavePhase

AWAITED = LIVE | {TargetState.RECALLING}


def due_at(rollout: Rollout, now: datetime, *, is_unfinished: bool = False) -> datetime | None:
    """The earliest deadline ahead (None: only a report or a command helps); `is_unfinished`: at once."""
    if is_unfinished:
        return now
    return min((one for one in _deadlines(rollout) if one > now), default=None)


def _deadlines(rollout: Rollout) -> Iterator[datetime]:
    if rollout.phase not in OPEN | DONE:
        return
    yield from (
        one.deadline_at
        for one in rollout.targets.values()
        if one.deadline_at is not None and one.state in AWAITED and _counts(rollout, one.state)
    )
    if rollout.phase == Phase.RUNNING:
        yield from _of_wave(rollout)


def _counts(rollout: Rollout, state: TargetState) -> bool:
    return state != TargetState.RECALLING or rollout.phase == Phase.ROLLING_BACK


def _of_wave(rollout: Rollout) -> Iterator[datetime]:
    wave, policy = rollout.waves[rollout.wave], rollout.policy
    if wave.since is not None:
        yield wave.since + timedelta(seconds=policy.maximum_wait_seconds)
    if wave.phase == WavePhase.BAKING and wave.baking_since is not None:
        yield wave.baking_since + timedelta(seconds=policy.bake_seconds)
    is_waiting = any(one.state == TargetState.PENDING for one in rollout.targets.values())
    credit_at = next_credit_at(policy, rollout)
    if is_waiting and credit_at is not None:
        yield credit_at
