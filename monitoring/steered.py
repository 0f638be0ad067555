"""Rollouts that a person should look at: what waits for one, what recalls itself, what ended badly."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Q, Subquery

from configs.rollouts.models import Rollout, RolloutEntry, RolloutWave
from configs.rollouts.states import NEEDLESS, Phase, TargetState, WavePhase
from configs.rollouts.telling import BAD_STATES
from configs.rollouts.working import SELF
from monitoring.causes import Cause
from monitoring.models import Alert

# What ended badly stands until somebody acknowledges it, and no longer than this.
STANDS_FOR = timedelta(days=14)
_WAITING: Final = frozenset({Phase.PAUSED, Phase.HALTED})
_ENDED: Final = frozenset({Phase.ROLLED_BACK, Phase.COMPLETED, Phase.COMPLETED_WITH_EXCEPTIONS})
# Edges that have, or had, what is taken back.
_TAKEN_BACK = sorted([*BAD_STATES, TargetState.RECALLING, TargetState.RECALLED])
_WELL = sorted([TargetState.CONFIRMED, TargetState.SUPERSEDED, TargetState.RECALLED])

_TARGETS = """
SELECT rollout_id, edge_id FROM configs_rollouttarget
 WHERE organization_id = %(organization)s AND (
       (rollout_id = ANY(%(bad)s) AND (state = ANY(%(bad_states)s) OR is_alarmed))
    OR (rollout_id = ANY(%(recalled)s) AND (state = ANY(%(taken_back)s) OR is_alarmed))
    OR (rollout_id = ANY(%(exceptions)s) AND NOT state = ANY(%(well)s)
        AND NOT (state = %(skipped)s AND why = ANY(%(needless)s))))
"""


def stand(organization_id: UUID, now: datetime) -> dict[Cause, set[UUID]]:
    """Each with the edges that it is about. Needs a scope. Three queries, one where nothing is wrong."""
    found = [judged for one in _rows(now) if (judged := judge(one)) is not None]
    closed = _closed([cause.key for _, cause in found])
    found = [(one, cause) for one, cause in found if one.phase not in _ENDED or cause.key not in closed]
    edges = _edges(organization_id, [cause for _, cause in found])
    over = {cause for _, cause in found if cause.key.endswith(":exceptions") and not edges[cause]}
    return {cause: edges[cause] for _, cause in found if cause not in over}


def _rows(now: datetime) -> list[Rollout]:
    recalls = RolloutEntry.objects.filter(rollout=OuterRef("pk"), what=Phase.ROLLING_BACK).order_by("-id")
    last = RolloutWave.objects.filter(rollout=OuterRef("pk")).order_by("-position")
    rows = Rollout.objects.filter(
        Q(phase__in=[*_WAITING, Phase.ROLLING_BACK]) | Q(phase__in=_ENDED, closed_at__gt=now - STANDS_FOR)
    )
    told = rows.select_related("change_set").annotate(
        recalled_by=Subquery(recalls.values("by")[:1]),
        stragglers=Subquery(last.values("phase")[:1]),
        stragglers_said=Subquery(last.values("said")[:1]),
    )
    return list(told.order_by("started_at"))


def judge(row: Rollout) -> tuple[Rollout, Cause] | None:
    """What of it a person should look at, if anything. A roll back that a person began is no news. Pure."""
    name = f"The rollout of change #{row.change_set.number}"
    is_own = row.recalled_by == SELF  # type: ignore[attr-defined]
    if row.phase in _WAITING:
        return row, _cause(row, "rollout", row.phase, f"{name} is {row.phase}", row.said)
    if row.phase == Phase.ROLLING_BACK and is_own:
        return row, _cause(row, "rollout_failed", "recalled", f"{name} is rolling itself back", row.said)
    if row.phase == Phase.ROLLED_BACK and is_own:
        return row, _cause(row, "rollout_failed", "recalled", f"{name} rolled itself back", row.said)
    return _ended(row, name)


def _ended(row: Rollout, name: str) -> tuple[Rollout, Cause] | None:
    if row.phase in (Phase.COMPLETED, Phase.COMPLETED_WITH_EXCEPTIONS):
        if row.stragglers == WavePhase.FAILED:  # type: ignore[attr-defined]
            why = f"Edges that came back late took it badly: {row.stragglers_said}"  # type: ignore[attr-defined]
            return row, _cause(row, "rollout_failed", "stragglers", f"{name} stopped at its stragglers", why)
        if row.phase == Phase.COMPLETED_WITH_EXCEPTIONS:
            what = f"{name} ended with exceptions"
            return row, _cause(row, "rollout_failed", "exceptions", what, row.said)
    return None


def _cause(row: Rollout, kind: str, of: str, what: str, why: str) -> Cause:
    key = f"rollout:{row.pk}:{of}"
    return Cause(kind, key, what, why, change_set=row.change_set_id, rollout=row.pk)  # type: ignore[arg-type]


def _closed(keys: Collection[str]) -> set[str]:
    """Those that somebody acknowledged."""
    if not keys:
        return set()
    rows = Alert.objects.filter(key__in=keys, kind="rollout_failed", acknowledged_at__isnull=False)
    return set(rows.values_list("key", flat=True))


def _edges(organization_id: UUID, causes: Collection[Cause]) -> Mapping[Cause, set[UUID]]:
    if not causes:
        return {}
    by_rollout = {cause.rollout: cause for cause in causes}
    sorts: dict[str, list[UUID | None]] = defaultdict(list)
    for cause in causes:
        of = cause.key.rpartition(":")[2]
        sorts[of if of in ("recalled", "exceptions") else "bad"].append(cause.rollout)
    parameters: dict[str, Any] = {
        "organization": organization_id,
        **{sort: sorts[sort] for sort in ("bad", "recalled", "exceptions")},
        "bad_states": BAD_STATES,
        "taken_back": _TAKEN_BACK,
        "well": _WELL,
        "skipped": TargetState.SKIPPED,
        "needless": sorted(NEEDLESS),
    }
    found: dict[Cause, set[UUID]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(_TARGETS, parameters)
        for rollout, edge in cursor.fetchall():
            found[by_rollout[rollout]].add(edge)
    return found
