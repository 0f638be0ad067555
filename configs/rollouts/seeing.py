"""What edges say, and what they do not say in time. Pure."""

from datetime import datetime, timedelta
from typing import Any

from configs.rollouts.events import Fate, Offered, Seen, Sighting
from configs.rollouts.states import BAD, LIVE, UNTOUCHED, Target, TargetState
from configs.rollouts.working import Work

FOLLOWED = LIVE | BAD | {TargetState.CONFIRMED}


def seen(work: Work, event: Seen) -> None:
    for edge, sighting in event.sightings.items():
        target = work.targets.get(edge)
        if target is not None:
            if sighting.gone:
                _leave(work, target, sighting.gone)
                continue
            facts = {"is_silent": sighting.is_silent, "is_held_locally": sighting.is_held_locally}
            _see(work, work.put(target, **facts), sighting)


def _leave(work: Work, target: Target, why: str) -> None:
    """Whatever it said before, nothing is awaited of it, and nothing is taken back from it."""
    facts = {"is_moved": False, "is_alarmed": False, "is_retried": False, "deadline_at": None}
    work.put(target, state=TargetState.GONE, why=why, **facts)


def _see(work: Work, target: Target, sighting: Sighting) -> None:
    if target.state == TargetState.RECALLING:
        if sighting.is_back:
            work.put(target, state=TargetState.RECALLED, deadline_at=None)
    elif target.state == TargetState.UNREACHABLE and not sighting.is_silent:
        back = _follow if target.is_moved and not target.is_retried else _pend
        back(work, target, sighting)
    elif target.is_moved and target.state in FOLLOWED:
        _follow(work, target, sighting)


def _pend(work: Work, target: Target, _: Sighting) -> None:
    work.put(target, state=TargetState.PENDING)


def _follow(work: Work, target: Target, sighting: Sighting) -> None:
    """The target takes the edge's own status. A newer version under the same pins is followed too."""
    if not sighting.is_ours:
        work.put(target, state=TargetState.SUPERSEDED, is_moved=False, deadline_at=None)
        return
    # An alarm before the change was applied says nothing of it.
    is_alarmed = target.is_alarmed or (sighting.is_alarmed and sighting.state not in UNTOUCHED)
    # Silence after the deadline stays bad until the edge says more than that it was offered something.
    is_news = sighting.state != target.state or sighting.version != target.version
    if target.state == TargetState.TIMED_OUT and sighting.state in UNTOUCHED:
        is_news = False
    if not is_news:
        if is_alarmed != target.is_alarmed:
            work.put(target, is_alarmed=is_alarmed)
        return
    work.put(
        target,
        state=sighting.state,
        version=sighting.version,
        why=sighting.code,
        is_alarmed=is_alarmed,
        deadline_at=_deadline(work, sighting),
    )


def _deadline(work: Work, sighting: Sighting) -> datetime | None:
    """What is staged is awaited from its barrier on."""
    if sighting.state not in LIVE:
        return None
    begins_at = max(sighting.until, work.now) if sighting.until else work.now
    return begins_at + timedelta(seconds=work.policy.settle_seconds)


def expire(work: Work) -> None:
    """Who answered too late: silent before it touched anything is unreachable, all else is bad."""
    for target in work.of(LIVE):
        if target.deadline_at is None or target.deadline_at > work.now:
            continue
        is_away = target.is_silent and target.state in UNTOUCHED
        state = TargetState.UNREACHABLE if is_away else TargetState.TIMED_OUT
        why = "" if is_away else f"silent after {target.state}"
        work.put(target, state=state, why=why, deadline_at=None)


def offered(work: Work, event: Offered) -> None:
    for edge, fate in event.fates.items():
        _offered(work, work.targets[edge], fate)


def _offered(work: Work, target: Target, fate: Fate) -> None:
    changes: dict[str, Any]
    if fate.version is None:
        changes = {"state": TargetState.SKIPPED, "why": fate.why, "deadline_at": None}
    else:
        changes = {
            "state": TargetState.OFFERED,
            "why": "",
            "version": fate.version,
            "offered_at": work.now,
            "deadline_at": work.after(work.policy.settle_seconds),
        }
        work.credit -= 1
    work.put(target, is_moved=fate.is_moved, is_retried=False, is_alarmed=False, **changes)
