"""A rollout as people read it: its state with the arithmetic in words, its waves, who failed and why."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, Count, ExpressionWrapper

from configs.rollouts import gates
from configs.rollouts.counting import FAULT_ALARM, unheard
from configs.rollouts.models import Rollout, RolloutEntry, RolloutTarget, RolloutWave
from configs.rollouts.states import Kind, Phase, Policy, Tally, TargetState, WavePhase, kind_of

MOST_EDGES_A_GROUP = 20
MOST_ENTRIES = 200

# Failures that look alike are one group.
_GROUPS = """
SELECT t.state, CASE WHEN t.why = '' AND t.is_alarmed THEN %(alarm)s ELSE t.why END, count(*),
       (array_agg(e.edge_id ORDER BY e.edge_id))[1:%(most)s]
  FROM configs_rollouttarget t JOIN edges_edge e ON e.id = t.edge_id
 WHERE t.rollout_id = %(rollout)s AND t.organization_id = %(organization)s
   AND (t.state = ANY(%(bad)s) OR t.is_alarmed)
 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
BAD_STATES = sorted(state for state in TargetState if kind_of(state, "", is_alarmed=False) == Kind.BAD)


@dataclass(frozen=True, slots=True)
class Counts:
    """Targets by wave, state and reason; wave -1: passed by from the beginning."""

    rows: Sequence[tuple[int, str, str, bool, int]]

    def tally(self, wave: int) -> Tally:
        counts: Counter[Kind] = Counter()
        for position, state, why, is_alarmed, number in self.rows:
            if position == wave:
                counts[kind_of(TargetState(state), why, is_alarmed=is_alarmed)] += number
        return Tally(counts)

    def states(self, wave: int | None = None) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for position, state, _, _, number in self.rows:
            if wave in (None, position):
                counts[state] += number
        return dict(sorted(counts.items()))

    def gone(self) -> dict[str, int]:
        """Why edges left meanwhile: retired or moved."""
        return self._by_reason(TargetState.GONE)

    def skipped(self) -> dict[str, int]:
        return self._by_reason(TargetState.SKIPPED)

    def _by_reason(self, wanted: TargetState) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for _, state, why, _, number in self.rows:
            if state == wanted:
                counts[why] += number
        return dict(sorted(counts.items()))


def counts_of(rollouts: Iterable[UUID]) -> dict[UUID, Counts]:
    """One query for any number of rollouts."""
    names = ("rollout_id", "wave", "state", "why", "is_alarmed")
    rows = RolloutTarget.objects.filter(rollout__in=list(rollouts)).values_list(*names)
    found: dict[UUID, list[tuple[int, str, str, bool, int]]] = {}
    for rollout, wave, state, why, is_alarmed, number in rows.annotate(Count("id")):
        found.setdefault(rollout, []).append((wave, state, why, is_alarmed, number))
    return {rollout: Counts(found.get(rollout, ())) for rollout in rollouts}


def brief(row: Rollout, counts: Counts, waves: Sequence[RolloutWave], *, now: datetime) -> dict[str, Any]:
    """One rollout in a list."""
    return {
        "id": row.pk,
        "change_set": row.change_set_id,
        "number": row.change_set.number,
        "reason": row.change_set.reason,
        "phase": row.phase,
        "said": sentence(row, counts, waves, now=now),
        "wave": row.wave + 1,
        "wave_count": len(waves) - 1,
        "targets": counts.states(),
        "edges_on_bad_version": counts.states().get(TargetState.RECALLING, 0),
        "by": row.by,
        "started_at": row.started_at,
        "closed_at": row.closed_at,
    }


def describe(row: Rollout, *, now: datetime) -> dict[str, Any]:
    """Everything about one rollout. Five queries."""
    waves = list(RolloutWave.objects.filter(rollout=row).order_by("position"))
    counts = counts_of([row.pk])[row.pk]
    return {
        **brief(row, counts, waves, now=now),
        "preset": row.preset,
        "policy": row.policy,
        "due_at": row.due_at,
        "skipped": counts.skipped(),
        "gone": counts.gone(),
        "waves": [_wave(row, one, counts, now) for one in waves],
        "failures": failures(row),
        "waiting": unanswered(row, now),
        "history": history(row),
    }


def _wave(row: Rollout, wave: RolloutWave, counts: Counts, now: datetime) -> dict[str, Any]:
    tally = counts.tally(wave.position)
    return {
        "position": wave.position + 1,
        "name": wave.name,
        "share": wave.share,
        "phase": wave.phase,
        "said": wave.said,
        "size": sum(counts.states(wave.position).values()),
        "counts": tally.to_dict(),
        "targets": counts.states(wave.position),
        "since": wave.since,
        "bake_seconds_left": _bake_left(row, wave, now),
    }


def _bake_left(row: Rollout, wave: RolloutWave, now: datetime) -> int | None:
    if wave.phase != WavePhase.BAKING or wave.baking_since is None:
        return None
    ends_at = wave.baking_since + timedelta(seconds=Policy(**row.policy).bake_seconds)
    return max(0, round((ends_at - now).total_seconds()))


def sentence(row: Rollout, counts: Counts, waves: Sequence[RolloutWave], *, now: datetime) -> str:
    """Where it stands, with its numbers, and who left meanwhile."""
    gone = counts.gone()
    left = [words[number > 1].format(number) for why, words in _LEFT.items() if (number := gone.get(why, 0))]
    return "; ".join([_stands(row, counts, waves, now), *left])


_LEFT = {
    "retired": ("{} was retired meanwhile", "{} were retired meanwhile"),
    "moved": ("{} was moved out of its reach meanwhile", "{} were moved out of its reach meanwhile"),
}


def _stands(row: Rollout, counts: Counts, waves: Sequence[RolloutWave], now: datetime) -> str:
    if row.phase == Phase.ROLLING_BACK:
        states = counts.states()
        back, waiting = states.get(TargetState.RECALLED, 0), states.get(TargetState.RECALLING, 0)
        return f"{row.said}; {back} are back, {waiting} not yet"
    if row.phase != Phase.RUNNING:
        return row.said
    wave = waves[row.wave]
    begin = f"wave {row.wave + 1} of {len(waves) - 1}"
    return f"{begin} {_progress(row, wave, counts.tally(row.wave), now)}"


def _progress(row: Rollout, wave: RolloutWave, tally: Tally, now: datetime) -> str:
    policy = Policy(**row.policy)
    limit = f"limit {gates.number(policy.bad_percent)} %"
    confirmed = f"{tally[Kind.CONFIRMED]} of {tally.attempted} confirmed, {tally[Kind.BAD]} failed ({limit})"
    if wave.phase == WavePhase.OPENING:
        return f"is opening: {tally[Kind.PENDING]} still to be offered the change, {confirmed}"
    if wave.phase == WavePhase.SETTLING:
        return f"is settling: {confirmed}, {tally[Kind.LIVE]} under way"
    if wave.phase == WavePhase.BAKING:
        left = _bake_left(row, wave, now)
        if left:
            return f"is baking, {minutes(left)} left: {confirmed}"
        return f"waits for its gate: {gates.judge(policy, tally, is_overdue=False).words}"
    return "opens next" if wave.phase == WavePhase.PENDING else wave.said


def minutes(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"


def failures(row: Rollout) -> list[dict[str, Any]]:
    """Groups of edges that failed alike, the largest first. One query."""
    parameters: dict[str, Any] = {
        "rollout": row.pk,
        "organization": row.organization_id,
        "bad": BAD_STATES,
        "alarm": FAULT_ALARM,
        "most": MOST_EDGES_A_GROUP,
    }
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, parameters)
        rows = cursor.fetchall()
    return [
        {
            "status": state,
            "code": code,
            "count": number,
            "edges": edges,
        }
        for state, code, number, edges in rows
    ]


def unanswered(row: Rollout, now: datetime) -> dict[str, Any]:
    """Edges that are still on what is being taken back, and how many of them are offline. One query."""
    rows = RolloutTarget.objects.filter(rollout=row, state=TargetState.RECALLING)
    named = rows.annotate(unheard=ExpressionWrapper(unheard(now), BooleanField())).order_by("edge__edge_id")
    edges = list(named.values_list("edge__edge_id", "unheard"))
    return {
        "count": len(edges),
        "offline": sum(is_unheard for _, is_unheard in edges),
        "edges": [edge_id for edge_id, _ in edges[:MOST_EDGES_A_GROUP]],
    }


def history(row: Rollout) -> list[Mapping[str, Any]]:
    """The audit of its transitions, oldest first. One query."""
    entries = RolloutEntry.objects.filter(rollout=row).order_by("-id")[:MOST_ENTRIES]
    return [
        {
            "at": one.at,
            "what": one.what,
            "by": one.by,
            "reason": one.reason,
            "wave": None if one.wave is None else one.wave + 1,
            "evidence": one.evidence,
        }
        for one in reversed(entries)
    ]
