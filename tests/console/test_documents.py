"""What an edge should run and why, what it ran, and how that came about."""

from datetime import timedelta

import pytest

from edges import tenancy
from edges.models import RunningChange
from tests import build
from tests.console.conftest import Caller

NORTH = "/edges/acme-north-1"
PERIOD = "/core_cycle/period_ms"


def publish(alice: Caller, value: int, scope: str = "organization", target: str = "acme") -> dict:
    operation = {"scope": scope, "target": target, "op": "set", "path": PERIOD, "value": value}
    body = {"reason": f"Period {value}", "operations": [operation], "publish": True}
    answer = alice("POST", "/organizations/acme/change-sets", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_the_effective_document_says_where_each_value_is_from(published: build.Cast, alice: Caller) -> None:
    made = publish(alice, 2000, "site", "north")
    answer = alice("GET", f"{NORTH}/effective")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["version"], told["document"]["core_cycle"]) == (2, {"period_ms": 2000})
    origin = told["provenance"][PERIOD]
    assert (origin["scope"], origin["target"], origin["author"], origin["change_set"]) == (
        "site",
        "north",
        "alice",
        made["id"],
    )
    assert [(one["scope"], one["target"], one["value"]) for one in origin["hides"]] == [
        ("organization", "acme", 1000)
    ]


def test_versions_are_listed_newest_first_with_their_change(published: build.Cast, alice: Caller) -> None:
    made = publish(alice, 2000)
    listed = alice("GET", f"{NORTH}/versions").json()
    assert [item["version"] for item in listed["items"]] == [2, 1]
    assert listed["items"][0]["change_set"] == made["id"]
    first = alice("GET", f"{NORTH}/versions?limit=1").json()
    second = alice("GET", f"{NORTH}/versions?limit=1&cursor={first['next']}").json()
    assert [item["version"] for item in second["items"]] == [1]


def test_a_version_is_read_with_its_document_and_manifest(published: build.Cast, alice: Caller) -> None:
    told = alice("GET", f"{NORTH}/versions/1").json()
    assert told["document"]["core_cycle"] == {"period_ms": 1000}
    assert told["document"]["edge_id"] == "acme-north-1"
    assert set(told["manifest"]) == {"payloadType", "payload", "signatures"}


def test_two_versions_are_compared(published: build.Cast, alice: Caller) -> None:
    publish(alice, 2000)
    told = alice("GET", f"{NORTH}/versions/1...2").json()
    assert told["changed"] == ["core_cycle"]
    assert told["leaves"] == [{"path": PERIOD, "before": 1000, "after": 2000}]


@pytest.mark.parametrize(
    "path", ["versions/9", "versions/1...9", "versions/01", "versions/x", "versions/-1", "versions/1..2"]
)
def test_a_version_that_is_none_is_404(published: build.Cast, alice: Caller, path: str) -> None:
    assert alice("GET", f"{NORTH}/{path}").status_code == 404


def test_the_history_of_a_path_names_every_step(published: build.Cast, alice: Caller) -> None:
    publish(alice, 2000)
    publish(alice, 3000, "edge", "acme-north-1")
    publish(alice, 4000, "edge", "acme-south-1")
    items = alice("GET", f"{NORTH}/history?path={PERIOD}").json()["items"]
    assert [(item["scope"], item.get("value")) for item in items[:2]] == [
        ("edge", 3000),
        ("organization", 2000),
    ]
    assert items[1]["old"] == 1000
    assert all(item["target"] != "acme-south-1" for item in items)


def test_the_history_of_a_path_is_read_page_by_page(published: build.Cast, alice: Caller) -> None:
    for value in (2000, 3000, 4000):
        publish(alice, value)
    pages, cursor = [], ""
    while cursor is not None:
        told = alice("GET", f"{NORTH}/history?path={PERIOD}&limit=2{cursor and f'&cursor={cursor}'}").json()
        if not pages:
            publish(alice, 5000)  # what comes meanwhile shifts no page
        pages.append([item.get("value") for item in told["items"]])
        cursor = told["next"]
    whole = alice("GET", f"{NORTH}/history?path={PERIOD}").json()
    assert pages[0] == [4000, 3000]
    assert [5000, *(value for page in pages for value in page)] == [one["value"] for one in whole["items"]]
    assert whole["next"] is None
    assert alice("GET", f"{NORTH}/history?path={PERIOD}&cursor=x").json()["code"] == "bad_cursor"


def test_the_history_needs_a_path(published: build.Cast, alice: Caller) -> None:
    assert alice("GET", f"{NORTH}/history").status_code == 400
    assert alice("GET", f"{NORTH}/history?path=no-slash").status_code == 422


def test_what_ran_at_a_time_is_answered(published: build.Cast, alice: Caller) -> None:
    with tenancy.scope([published.acme.pk]):
        for number, hours in ((1, 1), (2, 3)):
            RunningChange.objects.create(
                organization=published.acme,
                edge=published.acme_north,
                from_version=number - 1,
                to_version=number,
                at=build.NOW + timedelta(hours=hours),
            )
    for hours, version in ((0, None), (2, 1), (4, 2)):
        at = (build.NOW + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = alice("GET", f"{NORTH}/running?at={at}").json()
        assert (told["running"] and told["running"]["version"]) == version


@pytest.mark.parametrize("at", ["yesterday", "2026-02-30T00:00:00Z", "2026-02-01T00:00:00", ""])
def test_a_time_that_is_none_is_refused(published: build.Cast, alice: Caller, at: str) -> None:
    assert alice("GET", f"{NORTH}/running?at={at}").status_code == 400


@pytest.mark.parametrize(
    "path",
    ["effective", "versions", "versions/1", "versions/1...1", "history?path=/alarms", "running", "status"],
)
def test_documents_of_a_foreign_and_an_unknown_edge_are_answered_alike(
    published: build.Cast, alice: Caller, bob: Caller, path: str
) -> None:
    answers = [alice("GET", f"/edges/{edge}/{path}") for edge in ("birch-main-1", "unknown-1")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert bob("GET", f"{NORTH}/{path}").status_code == 200


@pytest.mark.parametrize(
    "path", ["effective", "versions", "versions/1", "status", "running", "history?path="]
)
def test_reading_takes_the_same_queries_for_any_number_of_versions(
    published: build.Cast, alice: Caller, path: str, django_assert_num_queries
) -> None:
    # credential, bucket, savepoint, tenants, edge, then the use case's own (eight at most), tenants, release
    alice("GET", f"{NORTH}/{path}")
    counted = []
    for number in (1, 5):
        for index in range(number):
            publish(alice, 1500 + 100 * number + index)
        with django_assert_num_queries(24, exact=False) as captured:
            assert alice("GET", f"{NORTH}/{path}").status_code == 200
        counted.append(len(captured))
    assert counted[0] == counted[1]
