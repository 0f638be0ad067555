"""Edges that `words.describe` cannot tell apart, counted together by PostgreSQL: many edges, few groups.

PostgreSQL says yes or no to each fact that the words depend on; what a group is called is decided by `words`
alone, of an example with the same facts. Tests compare it with random fleets described one by one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntFlag, auto
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import (
    Case,
    Count,
    DurationField,
    F,
    FloatField,
    Func,
    IntegerField,
    Max,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Abs, Cast, Coalesce
from django.db.models.lookups import Exact, GreaterThan, LessThan

from edges import words
from edges.models import Edge, EdgeHead, EdgeStatus

# Equal parts are equal words; the code and the detail are those of what an edge refused, for its cause.
PARTS = ("stage", "facts", "hold_until", "code", "detail")
_NOTHING = Value("", output_field=TextField())
_TRIED, _CLOCK = "status__last_attempt", "status__clock"


class Fact(IntFlag):
    """What the words depend on, each a yes or a no."""

    NEVER_HEARD = auto()
    OFFLINE = auto()
    LATE = auto()
    NO_HEAD = auto()
    NO_STATUS = auto()
    DRIFTED = auto()
    REFUSED = auto()  # what is desired
    RUNS_DESIRED = auto()
    MOVING = auto()
    NOTHING_STAGED = auto()
    IS_FRESH = auto()
    HELD = auto()
    SAFE_MODE = auto()
    NO_LOCAL_HOLD = auto()
    PHASE_STAGED = auto()
    CLOCK_OFF = auto()
    TRUST_STALE = auto()


@dataclass(frozen=True)
class Group:
    """Edges that are alike. `matching`: how many of them fit what is looked for; `by`: what else they share.

    `newest`: the youngest `at` of what they refused, as they wrote it; `refused`: who did, by edge_id.
    """

    parts: tuple[Any, ...]
    said: words.Words
    number: int
    matching: int
    by: tuple[Any, ...]
    newest: str
    refused: list[tuple[str, UUID]]

    @property
    def stage(self) -> str:
        return str(self.parts[0])

    @property
    def cause(self) -> tuple[str, str]:
        """Code and detail of what they refused."""
        return self.parts[3], self.parts[4]


def groups(
    rows: QuerySet[Edge], now: datetime, *, by: Iterable[str] = (), matching: Q | None = None
) -> list[Group]:
    """All of `rows`, by what `words` can tell apart. One query, whatever the fleet's size."""
    also, refused = tuple(by), Q(_conditions(now)[Fact.REFUSED])
    found = (
        parted(rows.select_related(None).order_by(), now)
        .values_list(*PARTS, *also)
        .annotate(
            number=Count("pk"),
            matching=Count("pk", filter=matching),
            newest=Max(said("at", _TRIED), filter=refused),
            # Filled in one pass over the group, so that they fit each other; ordered here, not there.
            edge_ids=ArrayAgg("edge_id", filter=refused),
            uids=ArrayAgg("pk", filter=refused),
        )
    )
    width = len(PARTS)
    return [
        Group(
            parts=row[:width],
            said=words.describe(example(Fact(row[1]), row[2], now), now=now),
            number=number,
            matching=matches if matching is not None else number,
            by=row[width : width + len(also)],
            newest=newest or "",
            refused=sorted(zip(edge_ids or (), uids or (), strict=True)),
        )
        for row in found
        for number, matches, newest, edge_ids, uids in [row[width + len(also) :]]
    ]


def of_groups(rows: QuerySet[Edge], chosen: Iterable[Group], now: datetime) -> QuerySet[Edge]:
    """Of these rows, the edges with the words of the groups, whatever their stage and what they refused."""
    free: set[int] = set()
    held: dict[str, set[int]] = {}
    for group in chosen:
        _, facts, hold_until, *_ = group.parts
        (free if Fact.NO_LOCAL_HOLD in Fact(facts) else held.setdefault(hold_until, set())).add(facts)
    wanted = Q(facts__in=free)
    for hold_until, facts in held.items():
        wanted |= Q(hold_until=hold_until, facts__in=facts)
    return parted(rows, now).filter(wanted)


def parted(rows: QuerySet[Edge], now: datetime) -> QuerySet[Edge]:
    """The edges, each with its PARTS."""
    total: Combinable = Value(0, output_field=IntegerField())
    conditions = _conditions(now)
    for fact, holds in conditions.items():
        total = total + Case(When(holds, then=Value(fact.value)), default=Value(0))
    causes = {
        name: Case(When(conditions[Fact.REFUSED], then=said(name, _TRIED)), default=_NOTHING)
        for name in ("code", "detail")
    }
    return rows.annotate(facts=total, hold_until=said("until", "status__local_hold"), **causes)


def _conditions(now: datetime) -> dict[Fact, Any]:
    safe = Q(status__phase="safe_mode")
    offset = Abs(Cast(KeyTextTransform("offset_ms", _CLOCK), FloatField()))
    unsynced = Exact(KeyTextTransform("synced", _CLOCK), Value("false"))
    tried_desired = Exact(KeyTextTransform("version", _TRIED), Cast(F("head__version"), TextField()))
    return {
        Fact.NEVER_HEARD: Q(status__last_heartbeat_at=None),
        Fact.OFFLINE: Q(status__last_heartbeat_at__lte=now - words.OFFLINE_AFTER),
        Fact.LATE: _is_late(now),
        Fact.NO_HEAD: Q(head=None),
        Fact.NO_STATUS: Q(status=None),
        Fact.DRIFTED: Q(status__drifted=True),
        Fact.REFUSED: safe | (Q(tried_desired) & Q(status__last_attempt__status__in=sorted(words.BAD))),
        Fact.RUNS_DESIRED: Q(status__running_version=F("head__version")),
        Fact.MOVING: Q(status__phase__in=words.MOVING),
        Fact.NOTHING_STAGED: Q(status__staged__isnull=True),
        Fact.IS_FRESH: Q(head__published_at__gt=now - words.UPDATING_FOR),
        Fact.HELD: Q(head__held=True),
        Fact.SAFE_MODE: safe,
        Fact.NO_LOCAL_HOLD: Q(status__local_hold__isnull=True),
        Fact.PHASE_STAGED: Q(status__phase="staged"),
        Fact.CLOCK_OFF: Q(unsynced) | Q(GreaterThan(offset, float(words.CLOCK_OFF_MS))),
        Fact.TRUST_STALE: Q(status__last_attempt__code="trust_stale"),
    }


def said(member: str, column: str) -> Any:
    """A member of what an edge reported, as text; empty where it said nothing."""
    return Coalesce(KeyTextTransform(member, column), _NOTHING, output_field=TextField())


def _is_late(now: datetime) -> Any:
    patience = Func(
        F("status__heartbeat_seconds"),
        Value(words.LATE_AFTER_HEARTBEATS),
        template="make_interval(secs => %(expressions)s)",
        arg_joiner=" * ",
        output_field=DurationField(),
    )
    return LessThan(F("status__last_heartbeat_at") + patience, now)


def example(facts: Fact, hold_until: str, now: datetime) -> Edge:
    """An edge, not stored, of which the same is true."""
    edge = Edge()
    edge._state.fields_cache |= {"head": None, "status": None}
    if Fact.NO_HEAD not in facts:
        published_at = now if Fact.IS_FRESH in facts else now - words.UPDATING_FOR
        edge.head = EdgeHead(edge=edge, version=2, published_at=published_at, held=Fact.HELD in facts)
    if Fact.NO_STATUS not in facts:
        edge.status = EdgeStatus(
            edge=edge,
            last_heartbeat_at=_heard_at(facts, now),
            heartbeat_seconds=1,
            drifted=Fact.DRIFTED in facts,
            running_version=2 if Fact.RUNS_DESIRED in facts else 1,
            phase=_phase(facts),
            last_attempt={
                "version": 2,
                "status": "failed" if Fact.REFUSED in facts else "",
                "code": "trust_stale" if Fact.TRUST_STALE in facts else "",
            },
            staged=None if Fact.NOTHING_STAGED in facts else {},
            local_hold=None if Fact.NO_LOCAL_HOLD in facts else {"until": hold_until},
            clock={"synced": Fact.CLOCK_OFF not in facts},
        )
    return edge


def _heard_at(facts: Fact, now: datetime) -> datetime | None:
    if Fact.NEVER_HEARD in facts:
        return None
    if Fact.OFFLINE in facts:
        return now - words.OFFLINE_AFTER
    return now - timedelta(minutes=1) if Fact.LATE in facts else now


def _phase(facts: Fact) -> str:
    if Fact.SAFE_MODE in facts:
        return "safe_mode"
    if Fact.PHASE_STAGED in facts:
        return "staged"
    return "applying" if Fact.MOVING in facts else "committed"
