"""The targets behind a number: which rows count as what, for whoever follows a count to its edges."""

from datetime import datetime

from django.db.models import Q

from configs.rollouts.states import LIVE, NEEDLESS, Kind, TargetState, kind_of
from edges.words import OFFLINE_AFTER

FAULT_ALARM = "fault_alarm"  # why an edge is bad that says nothing bad of itself
NO_REASON = "-"

_ALARMED = Q(is_alarmed=True, state__in=sorted(LIVE | {TargetState.CONFIRMED}))
_NEEDLESS = Q(why__in=sorted(NEEDLESS))


def counts_as(kind: Kind) -> Q:
    """The rows that `kind_of` gives this kind."""
    states = [
        state
        for state in TargetState
        if state != TargetState.SKIPPED and kind_of(state, "", is_alarmed=False) == kind
    ]
    found = Q(state__in=states)
    if kind == Kind.BAD:
        return found | _ALARMED
    if kind in (Kind.LIVE, Kind.CONFIRMED):
        return found & ~_ALARMED
    if kind == Kind.PASSED_BY:
        return Q(state=TargetState.SKIPPED) & ~_NEEDLESS
    if kind == Kind.OUT:
        return found | Q(state=TargetState.SKIPPED) & _NEEDLESS
    return found


def because(why: str) -> Q:
    """The rows of one reason, as failures are grouped by it."""
    if why == NO_REASON:
        return Q(why="", is_alarmed=False)
    return Q(why=why) | Q(why="", is_alarmed=True) if why == FAULT_ALARM else Q(why=why)


def unheard(now: datetime) -> Q:
    """The rows whose edges are offline, or were never heard."""
    heard = "edge__status__last_heartbeat_at"
    return Q(**{f"{heard}__isnull": True}) | Q(**{f"{heard}__lte": now - OFFLINE_AFTER})


def is_bad(state: str, why: str, *, is_alarmed: bool) -> bool:
    return kind_of(TargetState(state), why, is_alarmed=is_alarmed) == Kind.BAD
