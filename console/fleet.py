"""A fleet counted: by headline, by running version. One query, whatever the number of edges."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from edges import words
from edges.models import Edge, Stage

# What words are made of; the rest of a status (health, sync, schemas) can be long.
FACTS = (
    "edge_id",
    "stage",
    "organization_id",
    *(f"head__{name}" for name in ("version", "published_at", "held")),
    *(
        f"status__{name}"
        for name in (
            "last_heartbeat_at",
            "heartbeat_seconds",
            "drifted",
            "running_version",
            "phase",
            "last_attempt",
            "staged",
            "local_hold",
            "clock",
        )
    ),
)
# Commissioning is outside counts and alerts; retired edges are no more.
COUNTED = frozenset({Stage.IN_SERVICE.value, Stage.MAINTENANCE.value})


@dataclass(frozen=True)
class Counts:
    edges: int
    commissioning: int
    retired: int
    by_status: dict[str, int]
    by_running_version: dict[int, int]

    @property
    def all_edges(self) -> int:
        return self.edges + self.commissioning

    def to_dict(self) -> dict[str, Any]:
        return {
            "edges": self.edges,
            "commissioning": self.commissioning,
            "retired": self.retired,
            "by_status": self.by_status,
            "by_running_version": [
                {"version": version, "edges": number}
                for version, number in sorted(self.by_running_version.items(), reverse=True)
            ],
        }


def light(rows: QuerySet[Edge]) -> QuerySet[Edge]:
    """Edges with just what `words.describe` reads."""
    return rows.select_related(None).select_related("head", "status").only(*FACTS)


def counted(rows: QuerySet[Edge], now: datetime) -> Counts:
    """The counts by status add up to `edges`."""
    return _counts(light(rows), now)


def counted_by_organization(rows: QuerySet[Edge], now: datetime) -> dict[UUID, Counts]:
    """The same for each organization that has an edge, in the same one query."""
    own: dict[UUID, list[Edge]] = {}
    for edge in light(rows):
        own.setdefault(edge.organization_id, []).append(edge)
    return {organization: _counts(edges, now) for organization, edges in own.items()}


def _counts(edges: Iterable[Edge], now: datetime) -> Counts:
    stages: Counter[str] = Counter()
    headlines: Counter[str] = Counter()
    versions: Counter[int] = Counter()
    for edge in edges:
        stages[edge.stage] += 1
        if edge.stage in COUNTED:
            headlines[words.describe(edge, now=now).headline] += 1
            status = getattr(edge, "status", None)
            versions[status.running_version if status else 0] += 1
    return Counts(
        edges=sum(headlines.values()),
        commissioning=stages[Stage.COMMISSIONING],
        retired=stages[Stage.RETIRED],
        by_status={word: headlines[word] for word in words.HEADLINES},
        by_running_version=dict(versions),
    )


def named(rows: QuerySet[Edge], headline: str, now: datetime) -> list[Any]:
    """The keys of the edges with this headline."""
    return [edge.pk for edge in light(rows) if words.describe(edge, now=now).headline == headline]
