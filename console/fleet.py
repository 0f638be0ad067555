"""A fleet counted: by headline, by running version. Whatever the number of edges, a query or two."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet

from edges import alike, words
from edges.alike import Group
from edges.models import Edge, Stage

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


def described(edge: Edge, now: datetime) -> words.Words:
    """The words of one edge, `invalid` among them; load it with head, status and pins to spare queries."""
    return words.describe(edge, now=now, invalid=bool(problems(edge)))


def problems(edge: Edge) -> list[dict[str, str]]:
    """Why its layers give nothing that could be published by now: {rule, path, detail}. It keeps what it has.

    An edge that never got a version is incomplete, not invalid.
    """
    pins = getattr(edge, "pins", None)
    has_head = getattr(edge, "head", None) is not None
    return list(pins.problems) if pins is not None and has_head else []


def word(group: Group) -> str:
    """What these edges count as; every edge is exactly one."""
    return group.said.headline if group.stage in COUNTED else group.stage


def counted(rows: QuerySet[Edge], now: datetime) -> Counts:
    """The counts by status add up to `edges`."""
    versions = rows.filter(stage__in=COUNTED).order_by().values_list("status__running_version")
    by_version: Counter[int] = Counter()
    for version, number in versions.annotate(number=Count("pk")):
        by_version[version or 0] += number
    return _counts(alike.groups(rows, now), by_version)


def counted_by_organization(rows: QuerySet[Edge], now: datetime) -> dict[UUID, Counts]:
    """The same for each organization that has an edge, in one query; without the running versions."""
    own: dict[UUID, list[Group]] = {}
    for group in alike.groups(rows, now, by=["organization_id"]):
        own.setdefault(group.by[0], []).append(group)
    return {organization: _counts(groups, {}) for organization, groups in own.items()}


def _counts(groups: Iterable[Group], versions: dict[int, int]) -> Counts:
    counts: Counter[str] = Counter()
    for group in groups:
        counts[word(group)] += group.number
    by_status: dict[str, int] = {one: counts[one] for one in words.HEADLINES}
    return Counts(
        edges=sum(by_status.values()),
        commissioning=counts[Stage.COMMISSIONING],
        retired=counts[Stage.RETIRED],
        by_status=by_status,
        by_running_version=dict(versions),
    )


def named(rows: QuerySet[Edge], headline: str, now: datetime) -> QuerySet[Edge]:
    """The edges with this headline, whatever their stage."""
    found = [group for group in alike.groups(rows, now) if group.said.headline == headline]
    return alike.of_groups(rows, found, now)
