"""What is wrong with an edge, by cause. Pure: equal causes are one alert, however many edges have them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from edges import words
from edges.models import Edge, Stage

Kind = Literal[
    "safe_mode", "failed_change", "offline", "drifted", "rollout", "hold", "alarm", "clock", "trust_stale",
    "not_published", "not_ended", "rollout_failed",
]  # fmt: skip
# Judged whenever an edge reports; the others by deadlines, by rollouts and by changes with a time.
OF_REPORTS: Final[frozenset[Kind]] = frozenset(
    {"safe_mode", "failed_change", "drifted", "alarm", "clock", "trust_stale"}
)
NEXT: Final[Mapping[Kind, str]] = {
    "safe_mode": "No controller runs there. Open an edge, read why, then publish a fix or retry.",
    "failed_change": "Read the reason, publish a better value or revert the change. The edges run what they "
    "ran before.",
    "offline": "Check power and network at the site. The edges go on by themselves with what they have.",
    "drifted": "Somebody or something changed the document on the edge. Open the edge and publish again.",
    "rollout": "Open the rollout and decide: resume, skip the failed, or roll back.",
    "rollout_failed": "Read on the rollout's page which edges and why. Then acknowledge: once the rollout is "
    "over, that closes this alert.",
    "not_published": "Open the change and read why. Then publish it, schedule it anew, or cancel it.",
    "not_ended": "Open the change and read why. Then revert it by hand, set another end, or say that it "
    "stays.",
    "hold": "Open Holds and look at each: release it through its preview, or set a new review date.",
    "alarm": "Look at the device that the alarm names; change its limits if they are wrong.",
    "clock": "Check the edge's time source. It takes nothing new while its clock may be wrong.",
    "trust_stale": "The edge does not believe the signing key. Check its clock and its trust root.",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """`key` tells causes of one organization apart; the rest is for people and does not."""

    kind: Kind
    key: str
    what: str = field(compare=False)
    detail: str = field(default="", compare=False)
    change_set: UUID | None = field(default=None, compare=False)
    rollout: UUID | None = field(default=None, compare=False)
    by_email: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class Alarm:
    """The last word of one alarm of an edge."""

    name: str
    severity: str
    detail: str
    is_raised: bool
    by_email: bool


def together(found: Iterable[tuple[Cause, UUID]]) -> dict[Cause, set[UUID]]:
    """Equal causes are one, with all their edges; by e-mail if any of these edges asks for it."""
    edges: dict[Cause, set[UUID]] = defaultdict(set)
    asking: dict[Cause, Cause] = {}
    for cause, edge in found:
        edges[cause].add(edge)
        if cause.by_email:
            asking.setdefault(cause, cause)
    return {asking.get(cause, cause): reached for cause, reached in edges.items()}


def of_edge(
    edge: Edge, *, change_set: UUID | None, alarms: Iterable[Alarm], now: datetime
) -> frozenset[Cause]:
    """Every cause that stands for an edge with its head and status. A hold set on site mutes them all.

    `change_set`: the one that made the version which the edge last tried.
    """
    status = getattr(edge, "status", None)
    if status is None or edge.stage != Stage.IN_SERVICE:
        return frozenset()
    head = getattr(edge, "head", None)
    if words.flag_words(None, status, now) and "held" in words.flag_words(None, status, now):
        return frozenset()
    said = words.describe(edge, now=now)
    attempt: Mapping[str, Any] = status.last_attempt or {}
    found = [_of_alarm(one) for one in alarms if one.is_raised and one.severity != "info"]
    if "safe_mode" in said.flags:
        found.append(Cause("safe_mode", "safe_mode", "Edges in safe mode", str(attempt.get("detail") or "")))
    elif "trust_stale" in said.flags:
        found.append(Cause("trust_stale", "trust_stale", "Edges that do not trust the signing key"))
    elif said.configuration == "failed" and head is not None:
        found.append(_of_attempt(attempt, change_set))
    if status.drifted:
        found.append(Cause("drifted", "drifted", "Edges run something else than they report"))
    if "clock" in said.flags:
        found.append(Cause("clock", "clock", "Edges with a wrong or unsynchronised clock"))
    return frozenset(found)


def _of_attempt(attempt: Mapping[str, Any], change_set: UUID | None) -> Cause:
    code, component = str(attempt.get("code") or "unknown"), str(attempt.get("component") or "")
    part = f" at {component}" if component else ""
    return Cause(
        "failed_change",
        f"failed_change:{change_set}:{code}:{component}",
        f"A change failed: {code}{part}",
        str(attempt.get("detail") or "")[:500],
        change_set=change_set,
    )


def _of_alarm(alarm: Alarm) -> Cause:
    what = f"Alarm {alarm.name} ({alarm.severity})"
    return Cause("alarm", f"alarm:{alarm.name}", what, alarm.detail[:500], by_email=alarm.by_email)
