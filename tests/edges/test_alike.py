"""Groups of edges that are alike against the same edges described one by one, over random fleets."""

import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from edges import alike, tenancy, words
from edges.models import Edge, EdgeHead, EdgeStatus, Stage
from tests import build
from tests.build import NOW

SIZE = 300
PHASES = ["", "committed", "safe_mode", "staged", "applying", "probation", "rolling_back"]
HOLDS = [None, {}, {"until": None}, {"until": "2999-01-01T00:00:00Z"}, {"until": "2000-01-01T00:00:00Z"}]
HOLDS += [{"until": "2026-02-30T00:00:00Z"}, {"until": "no time", "by": "site"}]
CLOCKS = [{}, {"synced": False}, {"synced": True, "offset_ms": -60_001}, {"offset_ms": 60_000}]
CLOCKS += [{"synced": None, "offset_ms": None}, {"offset_ms": 1e300}]
MOMENTS = [timedelta(0), timedelta(seconds=1), timedelta(minutes=3), timedelta(minutes=10)]
MOMENTS += [timedelta(minutes=30), timedelta(days=3)]


def moment(chance: random.Random) -> datetime:
    """Now, or just before, at or just after where words change."""
    near = timedelta(milliseconds=chance.choice([-1, 0, 1]))
    return NOW - chance.choice(MOMENTS) + near


def attempt(chance: random.Random) -> dict[str, Any] | None:
    tried = {
        "version": chance.choice([1, 2, 10**15]),
        "status": chance.choice([*sorted(words.BAD), "confirmed", "applying"]),
        "code": chance.choice([None, "", "trust_stale", "watchdog"]),
        "detail": chance.choice([None, "", "It went back", 'a "quoted" \\ detail']),
        "at": chance.choice([None, "2026-02-15T10:30:00Z", "2026-02-15T10:31:00Z"]),
    }
    members = chance.sample(sorted(set(tried) - {"version", "status"}), 2)
    return chance.choice([None, tried, {name: tried[name] for name in ("version", "status", *members)}])


def make_fleet(chance: random.Random) -> None:
    site = build.make_site(build.make_organization("many"), "north")
    edges = [
        Edge(
            organization_id=site.organization_id,
            site=site,
            edge_id=f"many-{number}",
            name=chance.choice(["", "Cellar", "50 % off_"]),
            stage=chance.choice(list(Stage)),
            created_at=NOW,
            retired_at=None,
        )
        for number in range(SIZE)
    ]
    heads = [
        EdgeHead(
            organization_id=one.organization_id,
            edge=one,
            version=chance.choice([1, 2]),
            epoch=1,
            issued_at=NOW,
            published_at=moment(chance),
            held=chance.random() < 0.2,
        )
        for one in edges
        if chance.random() < 0.8
    ]
    statuses = [
        EdgeStatus(
            organization_id=one.organization_id,
            edge=one,
            running_version=chance.choice([0, 1, 2]),
            drifted=chance.random() < 0.1,
            phase=chance.choice(PHASES),
            staged=chance.choice([None, None, {}, {"version": 2}]),
            last_attempt=attempt(chance),
            local_hold=chance.choice([None, *HOLDS]),
            clock=chance.choice(CLOCKS),
            last_heartbeat_at=chance.choice([None, moment(chance), moment(chance)]),
            heartbeat_seconds=chance.choice([1, 60, 600]),
        )
        for one in edges
        if chance.random() < 0.9
    ]
    with tenancy.scope([site.organization_id]):
        Edge.objects.bulk_create(edges)
        EdgeHead.objects.bulk_create(heads)
        EdgeStatus.objects.bulk_create(statuses)
    return site.organization_id


def cause(edge: Edge) -> tuple[str, str]:
    tried = edge.status.last_attempt or {}
    return str(tried.get("code") or ""), str(tried.get("detail") or "")


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_groups_say_what_each_of_their_edges_says(seed: int) -> None:
    organization = make_fleet(random.Random(seed))
    with tenancy.scope([organization]):
        rows = Edge.objects.select_related("head", "status")
        said = {one.edge_id: words.describe(one, now=NOW) for one in rows}
        groups = alike.groups(rows, NOW)
        assert sum(group.number for group in groups) == SIZE
        counted = sum((Counter({group.said: group.number}) for group in groups), Counter())
        assert counted == Counter(said.values())
        for word in words.HEADLINES:
            chosen = [group for group in groups if group.said.headline == word]
            members = {one.edge_id for one in alike.of_groups(rows, chosen, NOW)}
            assert members == {name for name, its in said.items() if its.headline == word}


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4, 6))
def test_causes_are_what_each_failed_edge_gave(seed: int) -> None:
    organization = make_fleet(random.Random(seed))
    with tenancy.scope([organization]):
        rows = Edge.objects.select_related("head", "status")
        failed = [one for one in rows if words.describe(one, now=NOW).configuration == "failed"]
        found: Counter[tuple[str, str]] = Counter()
        named: set[str] = set()
        for group in alike.groups(rows, NOW):
            if group.said.configuration == "failed":
                found[group.cause] += group.number
                named |= {edge_id for edge_id, _ in group.refused}
        assert found == Counter(cause(one) for one in failed)
        assert named == {one.edge_id for one in failed}
