"""`/organizations/{org}/sites`: list, add, read, rename."""

from tests import build
from tests.console.conftest import Caller

SITE = {"code": "west", "name": "Acme West", "time_zone": "Europe/Vienna"}


def test_a_site_is_added_and_listed(alice: Caller) -> None:
    made = alice("POST", "/organizations/acme/sites", SITE)
    assert made.status_code == 201
    assert {name: made.json()[name] for name in SITE} == SITE
    listed = alice("GET", "/organizations/acme/sites").json()
    assert [site["code"] for site in listed["items"]] == ["north", "south", "west"]
    assert listed["next"] is None


def test_sites_are_paged_by_a_cursor(alice: Caller) -> None:
    first = alice("GET", "/organizations/acme/sites?limit=1").json()
    assert [site["code"] for site in first["items"]] == ["north"]
    second = alice("GET", f"/organizations/acme/sites?limit=1&cursor={first['next']}").json()
    assert ([site["code"] for site in second["items"]], second["next"]) == (["south"], None)


def test_sites_are_found_by_text(alice: Caller) -> None:
    found = alice("GET", "/organizations/acme/sites?text=Sout").json()
    assert [site["code"] for site in found["items"]] == ["south"]


def test_a_viewer_reads_and_does_not_add(bob: Caller) -> None:
    assert bob("GET", "/organizations/acme/sites").status_code == 200
    refused = bob("POST", "/organizations/acme/sites", SITE)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_foreign_and_an_unknown_organization_are_answered_alike(alice: Caller, cast: build.Cast) -> None:
    answers = [alice("GET", f"/organizations/{code}/sites") for code in (cast.birch.code, "nowhere")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_a_taken_code_is_said(alice: Caller) -> None:
    refused = alice("POST", "/organizations/acme/sites", SITE | {"code": "north"})
    assert (refused.status_code, refused.json()["code"]) == (409, "taken")


def test_another_organization_may_use_the_same_code(dora: Caller) -> None:
    assert dora("POST", "/organizations/birch/sites", SITE | {"code": "north"}).status_code == 201


def test_a_wrong_body_is_named_by_its_member(alice: Caller) -> None:
    for member, value in (("time_zone", "Mars/Olympus"), ("code", "Not A Code"), ("name", 7), ("extra", 1)):
        refused = alice("POST", "/organizations/acme/sites", SITE | {member: value})
        assert refused.status_code == 422
        assert [error["path"] for error in refused.json()["errors"]] == [f"/{member}"]


def test_a_rename_needs_the_tag_that_was_read(alice: Caller) -> None:
    read = alice("GET", "/organizations/acme/sites/north")
    body = {"name": "The far north"}
    assert alice("PATCH", "/organizations/acme/sites/north", body).status_code == 428
    changed = alice("PATCH", "/organizations/acme/sites/north", body, If_Match=read["ETag"])
    assert (changed.status_code, changed.json()["name"]) == (200, "The far north")
    stale = alice("PATCH", "/organizations/acme/sites/north", body, If_Match=read["ETag"])
    assert (stale.status_code, stale.json()["code"], stale["ETag"]) == (412, "stale", changed["ETag"])


def test_a_person_of_one_site_sees_that_site_only(nora: Caller) -> None:
    listed = nora("GET", "/organizations/acme/sites").json()
    assert [site["code"] for site in listed["items"]] == ["north"]
    assert nora("GET", "/organizations/acme/sites/south").status_code == 404
    assert nora("POST", "/organizations/acme/sites", SITE).status_code == 403


def test_an_idempotency_key_adds_a_site_once(alice: Caller) -> None:
    first = alice("POST", "/organizations/acme/sites", SITE, Idempotency_Key="k1")
    again = alice("POST", "/organizations/acme/sites", SITE, Idempotency_Key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    other = alice("POST", "/organizations/acme/sites", SITE | {"code": "east"}, Idempotency_Key="k1")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_a_misspelt_query_member_is_refused(alice: Caller) -> None:
    refused = alice("GET", "/organizations/acme/sites?txet=north")
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_query")


def test_an_edge_key_is_no_operator(edge_key: Caller) -> None:
    assert edge_key("GET", "/organizations/acme/sites").status_code == 401


def test_the_list_takes_the_same_queries_for_any_number_of_sites(
    alice: Caller, cast: build.Cast, django_assert_num_queries
) -> None:
    # credential, bucket, savepoint, tenants, organization, sites, tenants again, savepoint's release
    alice("GET", "/organizations/acme/sites")
    counts = []
    for number in (1, 20):
        for index in range(number):
            build.make_site(cast.acme, f"n{number}-{index}")
        with django_assert_num_queries(8, exact=False) as captured:
            alice("GET", "/organizations/acme/sites")
        counts.append(len(captured))
    assert counts[0] == counts[1]
