"""`/organizations/{org}/edges` and `/edges/{edge_id}`: list with filters, add, rename."""

import pytest

from edges import tenancy
from edges.models import EdgeStatus
from tests import build
from tests.console.conftest import Caller

NEW = {"edge_id": "acme-north-2", "site": "north", "name": "Second", "tags": ["pilot"], "stage": "in_service"}


def ids(answer) -> list[str]:
    return [item["edge_id"] for item in answer.json()["items"]]


def test_an_added_edge_gets_version_1_when_its_layers_are_valid(published: build.Cast, alice: Caller) -> None:
    made = alice("POST", "/organizations/acme/edges", NEW)
    assert made.status_code == 201, made.content
    assert {name: made.json()[name] for name in NEW} == NEW
    assert (made.json()["desired_version"], made.json()["headline"]) == (1, "never")


def test_an_edge_without_a_valid_document_is_added_and_waits(
    cast: build.Cast, trust: object, alice: Caller
) -> None:
    made = alice("POST", "/organizations/acme/edges", NEW)
    assert (made.status_code, made.json()["desired_version"], made.json()["configuration"]) == (
        201,
        None,
        "none",
    )


def test_a_taken_edge_id_says_no_more_than_that(published: build.Cast, alice: Caller) -> None:
    bodies = []
    for edge_id in ("acme-south-1", "birch-main-1"):
        refused = alice("POST", "/organizations/acme/edges", NEW | {"edge_id": edge_id})
        assert refused.status_code == 409
        bodies.append({name: refused.json()[name] for name in ("code", "detail", "errors")})
    assert bodies[0] == bodies[1]
    assert bodies[0]["code"] == "taken"


@pytest.mark.parametrize("site", ["main", "nowhere"])
def test_an_edge_is_not_added_to_a_site_of_others(published: build.Cast, alice: Caller, site: str) -> None:
    assert alice("POST", "/organizations/acme/edges", NEW | {"site": site}).status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["acme-north-1", "acme-south-1"]),
        ("site=north", ["acme-north-1"]),
        ("site=main", []),
        ("tag=pilot", ["acme-south-1"]),
        ("text=SOUTH", ["acme-south-1"]),
        ("status=never", ["acme-north-1"]),
        ("status=in_sync", ["acme-south-1"]),
        ("version=1", ["acme-south-1"]),
        ("site=south&status=never", []),
        ("limit=1", ["acme-north-1"]),
    ],
)
def test_edges_are_filtered(published: build.Cast, alice: Caller, query: str, found: list[str]) -> None:
    with tenancy.scope([published.acme.pk]):
        south = published.acme_south
        south.tags = ["pilot"]
        south.save(update_fields=["tags"])
        EdgeStatus.objects.update_or_create(
            edge=south,
            defaults={
                "organization_id": published.acme.pk,
                "running_version": 1,
                "running_digest": south.head.digest,
                "last_heartbeat_at": build.NOW,
                "phase": "committed",
            },
        )
    assert ids(alice("GET", f"/organizations/acme/edges?{query}")) == found


@pytest.mark.parametrize(
    "query", ["status=well", "version=x", "version=-1", "stat=never", "limit=0", "cursor=%00"]
)
def test_a_filter_that_is_none_is_refused(alice: Caller, query: str) -> None:
    assert alice("GET", f"/organizations/acme/edges?{query}").status_code == 400


def test_an_edge_is_renamed_with_the_tag_that_was_read(published: build.Cast, alice: Caller) -> None:
    read = alice("GET", "/edges/acme-north-1")
    changed = alice(
        "PATCH",
        "/edges/acme-north-1",
        {"name": "Roof", "tags": ["b", "a"], "stage": "maintenance"},
        If_Match=read["ETag"],
    )
    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["tags"], changed.json()["stage"]) == (
        "Roof",
        ["a", "b"],
        "maintenance",
    )
    assert alice("PATCH", "/edges/acme-north-1", {"name": "x"}, If_Match=read["ETag"]).status_code == 412
    assert alice("PATCH", "/edges/acme-north-1", {"name": "x"}).status_code == 428


def test_an_edge_is_not_retired_by_an_edit(published: build.Cast, alice: Caller) -> None:
    read = alice("GET", "/edges/acme-north-1")
    refused = alice("PATCH", "/edges/acme-north-1", {"stage": "retired"}, If_Match=read["ETag"])
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "/stage")


def test_history_names_the_person_behind_the_token(published: build.Cast, alice: Caller) -> None:
    read = alice("GET", "/edges/acme-north-1")
    alice("PATCH", "/edges/acme-north-1", {"name": "Roof"}, If_Match=read["ETag"])
    with tenancy.scope([published.acme.pk]):
        newest = published.acme_north.history.latest()
    assert (newest.name, newest.history_user.get_username()) == ("Roof", "alice")


def test_a_foreign_and_an_unknown_edge_are_answered_alike(published: build.Cast, alice: Caller) -> None:
    answers = [alice("GET", f"/edges/{edge_id}") for edge_id in ("birch-main-1", "unknown-1")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_a_person_of_one_site_sees_its_edges_alone(published: build.Cast, nora: Caller) -> None:
    assert ids(nora("GET", "/organizations/acme/edges")) == ["acme-north-1"]
    assert nora("GET", "/edges/acme-south-1").status_code == 404


def test_a_viewer_does_not_add_or_rename(published: build.Cast, bob: Caller) -> None:
    assert bob("POST", "/organizations/acme/edges", NEW).status_code == 403
    assert bob("PATCH", "/edges/acme-north-1", {"name": "x"}, If_Match='"x"').status_code == 403


@pytest.mark.parametrize("query", ["", "?status=never", "?site=north&tag=a&text=n&version=0"])
def test_the_list_takes_the_same_queries_for_any_number_of_edges(
    published: build.Cast, alice: Caller, query: str, django_assert_num_queries
) -> None:
    # credential, bucket, savepoint, tenants, organization, (words of all), edges, tenants, release
    alice("GET", "/organizations/acme/edges")
    counts = []
    for number in (0, 15):
        for index in range(number):
            build.make_edge(published.north, f"acme-many-{index}")
        with django_assert_num_queries(10, exact=False) as captured:
            assert alice("GET", f"/organizations/acme/edges{query}").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]
