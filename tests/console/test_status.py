"""Facts and words of one edge, the fleet counted, and what edges reported."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from edges import tenancy, words
from edges.models import EdgeEvent, EdgeStatus
from tests import build
from tests.console.conftest import Caller


def heard(cast: build.Cast, edge, **values) -> None:
    with tenancy.scope([edge.organization_id]):
        EdgeStatus.objects.update_or_create(
            edge=edge,
            defaults={
                "organization_id": edge.organization_id,
                "last_heartbeat_at": datetime.now(UTC),
                "phase": "committed",
                "transport": "websocket",
                **values,
            },
        )


def test_the_three_facts_stand_apart(published: build.Cast, alice: Caller) -> None:
    attempt = {
        "version": 1,
        "status": "rolled_back",
        "code": "core_cycle",
        "detail": "controller init failed",
    }
    heard(published, published.acme_north, highest_seen=1, last_attempt=attempt)
    told = alice("GET", "/edges/acme-north-1/status").json()
    assert told["running"] == {"version": 0, "digest": None}
    assert told["highest_seen"] == 1
    assert told["last_attempt"] == attempt
    assert told["desired"]["version"] == 1
    assert told["desired"]["etag"].startswith('"1-')
    assert (told["link"], told["configuration"], told["headline"]) == ("online", "failed", "failed")
    assert (told["phase"], told["transport"], told["hold"]) == ("committed", "websocket", None)


def test_an_edge_that_never_called_has_a_status(published: build.Cast, alice: Caller) -> None:
    told = alice("GET", "/edges/acme-south-1/status").json()
    assert (told["link"], told["headline"], told["last_heartbeat_at"]) == ("never", "never", None)


def test_the_counts_add_up_to_the_fleet(published: build.Cast, alice: Caller) -> None:
    with tenancy.scope([published.acme.pk]):
        digest = published.acme_north.head.digest
    heard(published, published.acme_north, running_version=1, running_digest=digest)
    build.make_edge(published.north, "acme-new-1", stage="commissioning")
    told = alice("GET", "/organizations/acme/fleet").json()
    assert told["edges"] == 2
    assert told["commissioning"] == 1
    assert set(told["by_status"]) == set(words.HEADLINES)
    assert sum(told["by_status"].values()) == told["edges"]
    assert (told["by_status"]["in_sync"], told["by_status"]["never"]) == (1, 1)
    assert told["by_running_version"] == [{"version": 1, "edges": 1}, {"version": 0, "edges": 1}]


def test_the_six_service_levels_are_named_as_the_specification_does(
    published: build.Cast, alice: Caller
) -> None:
    with tenancy.scope([published.acme.pk]):
        digest = published.acme_north.head.digest
    sync = {"polls_scheduled": 10, "polls_ok": 9, "polls_failed": 1}
    heard(published, published.acme_north, running_version=1, running_digest=digest, sync=sync)
    levels = {
        level["name"]: level for level in alice("GET", "/organizations/acme/fleet").json()["service_levels"]
    }
    assert set(levels) == {
        "Sync latency (polling)",
        "Sync latency (WebSocket)",
        "Configuration freshness",
        "Rollback success rate",
        "Sync success rate",
        "API availability",
    }
    assert levels["Sync success rate"]["value"] == 0.9
    assert (levels["Configuration freshness"]["value"], levels["Configuration freshness"]["counted"]) == (
        0.5,
        2,
    )


def test_a_person_of_one_site_counts_its_edges_alone(published: build.Cast, nora: Caller) -> None:
    told = nora("GET", "/organizations/acme/fleet").json()
    assert (told["edges"], told["service_levels"]) == (1, None)


def test_the_fleet_takes_the_same_queries_for_any_number_of_edges(
    published: build.Cast, alice: Caller, django_assert_num_queries
) -> None:
    # credential, bucket, savepoint, tenants, organization, edges, four of service levels, tenants, release
    alice("GET", "/organizations/acme/fleet")
    counted = []
    for number in (0, 20):
        for index in range(number):
            build.make_edge(published.north, f"acme-many-{index}")
        with django_assert_num_queries(13, exact=False) as captured:
            alice("GET", "/organizations/acme/fleet")
        counted.append(len(captured))
    assert counted[0] == counted[1]


def report(edge, kind: str, seq: int) -> None:
    with tenancy.scope([edge.organization_id]):
        EdgeEvent.objects.create(
            organization_id=edge.organization_id,
            edge=edge,
            event_id=uuid4(),
            seq=seq,
            type=kind,
            at=build.NOW,
            received_at=build.NOW + timedelta(seconds=seq),
            code="c",
        )


def test_events_are_listed_newest_first_and_filtered(published: build.Cast, alice: Caller) -> None:
    report(published.acme_north, "transition", 1)
    report(published.acme_north, "alarm", 2)
    report(published.acme_south, "alarm", 1)
    report(published.birch_edge, "alarm", 1)

    def listed(query: str) -> list[tuple[str, str]]:
        items = alice("GET", f"/organizations/acme/events{query}").json()["items"]
        return [(item["edge_id"], item["type"]) for item in items]

    assert listed("") == [
        ("acme-south-1", "alarm"),
        ("acme-north-1", "alarm"),
        ("acme-north-1", "transition"),
    ]
    assert listed("?type=alarm&edge=acme-north-1") == [("acme-north-1", "alarm")]
    assert listed("?edge=birch-main-1") == []
    assert listed("?limit=1") == [("acme-south-1", "alarm")]
