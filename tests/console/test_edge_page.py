"""One edge on the desk: why it failed, its parts, what happened; versions and neighbours beside it."""

import re
from datetime import timedelta
from urllib.parse import unquote
from uuid import uuid4

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from configs.models import Hold
from edges import journals, tenancy
from edges.models import EdgeEvent, EdgeHead, EdgeStatus, RunningChange
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import page, signed_in, text

# What every page asks is not this page's: savepoints and the tenants of the connection.
FRAME = re.compile(r"SAVEPOINT|set_config")
MOST_QUERIES = 12


def layer(caller: Caller, edge_id: str, body: dict, revision: int) -> None:
    address = f"/organizations/acme/layers/edge/{edge_id}"
    answer = caller("PUT", address, body, If_Match=f'"{revision}"')
    assert answer.status_code == 200, answer.content


def report(cast: build.Cast, **facts: object) -> None:
    with tenancy.scope([cast.acme.pk]):
        EdgeStatus.objects.update_or_create(
            edge=cast.acme_north, defaults={"organization_id": cast.acme.pk, **facts}
        )


def shown(cast: build.Cast) -> str:
    return text(page(signed_in(cast.alice), "edges_edge_change", cast.acme_north.pk))


def test_a_failed_edge_says_why_first(published: build.Cast, alice: Caller) -> None:
    edge = published.acme_north
    layer(alice, edge.edge_id, {"core_cycle": {"period_ms": 250}}, 0)
    tried = {"version": 2, "status": "rolled_back", "code": "overruns", "detail": "5 cycles took too long",
             "log": "cycle 812 took 400 ms", "at": "2026-01-01T00:00:00Z"}  # fmt: skip
    report(published, running_version=1, last_attempt=tried, last_heartbeat_at=build.NOW)
    told = shown(published)
    assert "It ran it, and went back by itself: version 2" in told
    assert "overruns: 5 cycles took too long" in told
    assert "cycle 812 took 400 ms" in told
    assert "/core_cycle/period_ms</code>: 1,000 → 250" in told
    assert told.index('href="#why"') < told.index("It runs<")
    assert "?one=1&amp;other=2" in told


def test_a_healthy_edge_shows_its_parts_and_what_happened(published: build.Cast) -> None:
    edge = published.acme_north
    health = {
        "core_cycle": {"ok": True, "detail": ""},
        "devices": {"ok": False, "detail": "device meter0 is not well"},
    }
    report(published, running_version=1, health=health, last_heartbeat_at=build.NOW)
    with tenancy.scope([published.acme.pk]):
        EdgeHead.objects.filter(edge=edge).update(published_at=build.NOW)
        RunningChange.objects.create(
            organization_id=published.acme.pk, edge=edge, from_version=0, to_version=1, at=build.NOW
        )
        journals.write(site=edge.site, edge=edge, text="Fan replaced", by="alice", now=build.NOW)
    told = shown(published)
    assert 'id="why"' not in told
    assert ("Cycle and overruns" in told, "device meter0 is not well" in told) == (True, True)
    lately = told[told.index('id="timeline"') : told.index('id="versions"')]
    for event in ("Fan replaced", "version 1", ">runs<", ">published<", ">note<"):
        assert event in lately
    assert f"local time ({edge.site.time_zone})" in told


def test_the_timeline_goes_back_to_the_beginning(published: build.Cast) -> None:
    edge, acme = published.acme_north, published.acme
    with tenancy.scope([acme.pk]):
        for number in range(20):
            EdgeEvent.objects.create(
                organization=acme, edge=edge, event_id=uuid4(), seq=number,
                type="alarm", code=f"hot-{number:02}",
                at=build.NOW + timedelta(days=3, minutes=number), received_at=build.NOW,
            )  # fmt: skip
        Hold.objects.create(
            organization=acme, edge=edge, source="operator", by="bob", reason="Works",
            created_at=build.NOW + timedelta(days=1), released_at=build.NOW + timedelta(days=4),
            released_by="alice",
        )  # fmt: skip
    client = signed_in(published.alice)
    seen, query = "", {}
    for _ in range(3):
        shown = text(page(client, "edges_edge_change", edge.pk, **query))
        seen += shown[shown.index('id="timeline"') : shown.index('id="versions"')]
        older = re.search(r'href="\?before=([^#"]+)#timeline"', shown)
        if not older:
            break
        query = {"before": unquote(older[1])}
    assert not older
    assert [seen.count(f"hot-{number:02}") for number in range(20)] == [1] * 20
    assert [seen.count(word) for word in (">held<", ">released<", ">published<")] == [1, 1, 1]
    assert seen.index(">released<") < seen.index("hot-19") < seen.index(">held<")


def test_the_page_takes_few_queries(published: build.Cast) -> None:
    client = signed_in(published.alice)
    address = reverse("admin:edges_edge_change", args=[published.acme_north.pk])
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    asked = [one["sql"] for one in captured.captured_queries if not FRAME.search(one["sql"])]
    assert len(asked) <= MOST_QUERIES, "\n".join(asked)


def test_two_versions_beside_each_other(published: build.Cast, alice: Caller) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    layer(alice, edge.edge_id, {"core_cycle": {"period_ms": 1500}}, 0)
    layer(alice, edge.edge_id, {"core_cycle": {"period_ms": 2500}}, 1)
    newest = text(page(client, "console_versions", edge.pk))
    assert "1 value differs from version 2 to version 3" in newest
    asked = text(page(client, "console_versions", edge.pk, one="1", other="3"))
    assert re.search(r"period_ms</code></td><td><code>1,000</code></td><td><code>2,500</code>", asked)
    unknown = page(client, "console_versions", edge.pk, one="1", other="99")
    assert (unknown.status_code, "There is no version 99" in text(unknown)) == (422, True)


def test_one_edge_beside_another(published: build.Cast, alice: Caller) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    layer(alice, edge.edge_id, {"core_cycle": {"period_ms": 1500}}, 0)
    beside = {"with": published.acme_south.edge_id}
    told = text(page(client, "console_compare", edge.pk, **beside))
    assert "1 value differs between" in told
    assert re.search(r"1,500</code> <span[^>]*>edge</span>.*1,000</code> <span[^>]*>organization<", told)
    foreign = page(client, "console_compare", edge.pk, **{"with": published.birch_edge.edge_id})
    unknown = page(client, "console_compare", edge.pk, **{"with": "nobody"})
    assert (foreign.status_code, unknown.status_code) == (422, 422)
    for answer in (foreign, unknown):
        assert "There is no edge" in text(answer)


def test_the_alerts_that_reached_it_are_in_its_timeline(alerts: dict[str, str], cast: build.Cast) -> None:
    told = shown(cast)
    assert (f"/admin/alerts/{alerts['clock']}/" in told, f"/admin/alerts/{alerts['safe_mode']}/" in told) == (
        True,
        False,
    )
