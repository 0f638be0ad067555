"""A rollout's rows, as the machine wants them, and back."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from configs.fleet import Reach
from configs.rollouts.events import Entry, Sighting
from configs.rollouts.models import Rollout as Row
from configs.rollouts.models import RolloutEntry, RolloutWave
from configs.rollouts.sightings import Facts, sight
from configs.rollouts.states import (
    BAD,
    DONE,
    LIVE,
    NEEDLESS,
    OPEN,
    Kind,
    Phase,
    Policy,
    Rollout,
    Target,
    TargetState,
    Wave,
    WavePhase,
    kind_of,
)

UNSETTLED = LIVE | BAD | {TargetState.UNREACHABLE, TargetState.RECALLING}
# After the end: who is still watched, by phase.
WATCHED: Mapping[Phase, frozenset[TargetState]] = {
    **dict.fromkeys(DONE, LIVE | {TargetState.UNREACHABLE, TargetState.PENDING, TargetState.TIMED_OUT}),
    Phase.ROLLED_BACK: frozenset({TargetState.RECALLING}),
    Phase.CANCELLED: frozenset(),
    Phase.SUPERSEDED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Loaded:
    rollout: Rollout
    sightings: Mapping[UUID, Sighting]


def lock(rollout_id: UUID) -> Row | None:
    """The row, for this transaction alone. Needs a scope."""
    found: Row | None = (
        Row.objects.select_for_update(no_key=True, of=("self",))
        .select_related("change_set")
        .filter(pk=rollout_id)
        .first()
    )
    return found


# What a step may need: whoever reported, whoever is not settled, and whoever is to be offered something.
_NEEDED = """(%(whole)s OR t.edge_id = ANY(%(reported)s) OR t.state = ANY(%(unsettled)s) OR t.is_alarmed
              OR t.is_moved AND t.state = 'pending' OR t.state = 'pending' AND t.wave <= %(wave)s)"""
_TARGETS = f"""
SELECT t.edge_id, e.site_id, t.wave, t.place, t.state, t.version, t.why, t.is_moved, t.is_alarmed,
       t.is_retried, t.offered_at, t.deadline_at,
       coalesce(h.version, 0), coalesce(s.running_version, 0), coalesce(s.phase, ''), s.last_attempt::text,
       s.staged::text, s.local_hold::text, s.last_heartbeat_at, coalesce(s.heartbeat_seconds, 60),
       e.retired_at IS NOT NULL,
       ARRAY[p.organization_revision_id, p.site_revision_id, p.edge_revision_id] && %(candidates)s
  FROM configs_rollouttarget t
  JOIN edges_edge e ON e.id = t.edge_id
  JOIN configs_edgepins p ON p.edge_id = t.edge_id
  LEFT JOIN edges_edgehead h ON h.edge_id = t.edge_id
  LEFT JOIN edges_edgestatus s ON s.edge_id = t.edge_id
 WHERE t.rollout_id = %(rollout)s AND t.organization_id = %(organization)s AND t.wave >= 0 AND {_NEEDED}
"""  # noqa: S608 - of constants
_OTHERS = f"""
SELECT t.wave, t.state, t.why = ANY(%(needless)s), count(*)
  FROM configs_rollouttarget t
 WHERE t.rollout_id = %(rollout)s AND t.organization_id = %(organization)s AND t.wave >= 0 AND NOT {_NEEDED}
 GROUP BY 1, 2, 3
"""  # noqa: S608 - of constants


def load(
    row: Row,
    *,
    candidates: Collection[UUID],
    reach: Reach,
    now: datetime,
    reported: Collection[UUID] = (),
    is_whole: bool = False,
) -> Loaded:
    """The rollout, with the targets that one step may need. Three queries.

    `reach`: where its layers stand; an edge outside has been moved since.
    """
    waves = list(RolloutWave.objects.filter(rollout=row).order_by("position"))
    phase = Phase(row.phase)
    parameters: dict[str, Any] = {
        "rollout": row.pk,
        "organization": row.organization_id,
        "candidates": list(candidates),
        "reported": list(reported),
        "unsettled": sorted(UNSETTLED),
        "needless": sorted(NEEDLESS),
        "wave": len(waves) if phase in DONE else row.wave,
        "whole": is_whole or phase == Phase.ROLLING_BACK,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TARGETS, parameters)
        rows = cursor.fetchall()
        cursor.execute(_OTHERS, parameters)
        others = _others(cursor.fetchall())
    targets = {found[0]: _target(found) for found in rows}
    sightings = {found[0]: sight(_facts(found, reach), targets[found[0]], now) for found in rows}
    rollout = Rollout(
        policy=Policy(**row.policy),
        waves=tuple(
            Wave(one.name, WavePhase(one.phase), one.since, one.baking_since, one.said) for one in waves
        ),
        targets=targets,
        others=others,
        phase=phase,
        wave=row.wave,
        said=row.said,
        scope=row.scope,
        credit=row.credit,
        credit_at=row.credit_at,
        is_whole=parameters["whole"],
    )
    return Loaded(rollout, sightings)


def _others(rows: Iterable[tuple[int, str, bool, int]]) -> dict[tuple[int, Kind], int]:
    counts: dict[tuple[int, Kind], int] = {}
    for wave, state, is_needless, number in rows:
        why = "same" if is_needless else ""
        key = (wave, kind_of(TargetState(state), why, is_alarmed=False))
        counts[key] = counts.get(key, 0) + number
    return counts


def _target(found: tuple[Any, ...]) -> Target:
    (
        edge,
        site,
        wave,
        place,
        state,
        version,
        why,
        is_moved,
        is_alarmed,
        is_retried,
        offered_at,
        deadline_at,
    ) = found[:12]
    return Target(
        edge=edge,
        site=site,
        wave=wave,
        place=place,
        state=TargetState(state),
        version=version,
        why=why,
        is_moved=is_moved,
        is_alarmed=is_alarmed,
        is_retried=is_retried,
        offered_at=offered_at,
        deadline_at=deadline_at,
    )


def _facts(found: tuple[Any, ...], reach: Reach) -> Facts:
    edge, site = found[:2]
    desired, running, phase, attempt, staged, local_hold, heard_at = found[12:19]
    heartbeat_seconds, is_retired, is_ours = found[19:]
    is_within = reach.everything or site in reach.sites or edge in reach.edges
    return Facts(
        desired=desired,
        is_ours=bool(is_ours),
        running=running,
        phase=phase,
        attempt=orjson.loads(attempt or "{}") or {},
        staged=orjson.loads(staged or "{}") or {},
        local_hold=orjson.loads(local_hold or "null"),
        heard_at=heard_at,
        heartbeat_seconds=heartbeat_seconds,
        gone="retired" if is_retired else "" if is_within else "moved",
    )


_SAVE = """
UPDATE configs_rollouttarget t
   SET wave = n.wave, state = n.state, why = n.why, version = n.version, is_moved = n.is_moved,
       is_alarmed = n.is_alarmed, is_retried = n.is_retried, offered_at = n.offered_at,
       deadline_at = n.deadline_at, changed_at = %(now)s
  FROM json_to_recordset(%(rows)s::json) AS n (edge uuid, wave int, state text, why text, version bigint,
       is_moved bool, is_alarmed bool, is_retried bool, offered_at timestamptz, deadline_at timestamptz)
 WHERE t.rollout_id = %(rollout)s AND t.edge_id = n.edge AND t.organization_id = %(organization)s
"""
_UNWATCH = """
UPDATE configs_rollouttarget SET is_watched = state = ANY(%(watched)s)
 WHERE rollout_id = %(rollout)s AND organization_id = %(organization)s
   AND is_watched <> (state = ANY(%(watched)s))
"""
_SAVED = (
    "wave",
    "state",
    "why",
    "version",
    "is_moved",
    "is_alarmed",
    "is_retried",
    "offered_at",
    "deadline_at",
)


def save(row: Row, before: Rollout, after: Rollout, *, now: datetime, due_at: datetime | None) -> None:
    """What differs between two states of the rollout."""
    _save_targets(row, before, after, now)
    for position, (old, new) in enumerate(zip(before.waves, after.waves, strict=True)):
        if old != new:
            changed = {name: getattr(new, name) for name in ("phase", "since", "baking_since", "said")}
            RolloutWave.objects.filter(rollout=row, position=position).update(**changed)
    for name in ("phase", "wave", "said", "scope", "credit", "credit_at"):
        setattr(row, name, getattr(after, name))
    row.due_at = due_at
    if after.phase not in OPEN and row.closed_at is None:
        row.closed_at = now
    row.save()


def _save_targets(row: Row, before: Rollout, after: Rollout, now: datetime) -> None:
    changed = [
        {"edge": one.edge, **{name: getattr(one, name) for name in _SAVED}}
        for edge, one in after.targets.items()
        if _kept(one) != _kept(before.targets[edge])
    ]
    parameters: dict[str, Any] = {"rollout": row.pk, "organization": row.organization_id, "now": now}
    with connection.cursor() as cursor:
        if changed:
            cursor.execute(_SAVE, parameters | {"rows": orjson.dumps(changed).decode()})
        if after.phase not in OPEN:
            cursor.execute(_UNWATCH, parameters | {"watched": sorted(WATCHED[after.phase])})


def _kept(target: Target) -> tuple[Any, ...]:
    return tuple(getattr(target, name) for name in _SAVED)


def note(row: Row, entries: Iterable[Entry], *, now: datetime) -> None:
    RolloutEntry.objects.bulk_create(
        RolloutEntry(
            organization_id=row.organization_id,
            rollout=row,
            at=now,
            what=one.what,
            by=one.by,
            reason=one.reason,
            wave=one.wave,
            evidence=dict(one.evidence),
        )
        for one in entries
    )
