"""Organizations and memberships as a person reads them."""

from django.test import Client

from tests import build
from tests.console.conftest import Caller


def test_a_person_lists_their_organizations(alice: Caller) -> None:
    listed = alice("GET", "/organizations").json()["items"]
    assert [(item["code"], item["role"]) for item in listed] == [("acme", "owner")]


def test_a_session_of_somebody_without_memberships_sees_nothing(cast: build.Cast) -> None:
    client = Client()
    client.force_login(cast.charlie)
    assert client.get("/api/v1/organizations").json() == {"items": [], "next": None}
    assert client.get("/api/v1/organizations/acme/sites").status_code == 404


def test_a_session_writes_with_the_csrf_token_alone(cast: build.Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    body = {"code": "west", "name": "West", "time_zone": "UTC"}
    refused = client.post("/api/v1/organizations/acme/sites", body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    client.cookies["csrftoken"] = token = "a" * 32
    allowed = client.post(
        "/api/v1/organizations/acme/sites",
        body,
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert allowed.status_code == 201


def test_memberships_name_people_and_roles(alice: Caller) -> None:
    listed = alice("GET", "/organizations/acme/memberships").json()["items"]
    assert [(item["username"], item["role"], item["site"]) for item in listed] == [
        ("alice", "owner", None),
        ("bob", "viewer", None),
    ]


def test_memberships_of_others_are_unknown(alice: Caller) -> None:
    assert alice("GET", "/organizations/birch/memberships").status_code == 404


def test_an_anonymous_caller_is_told_how_to_sign_in(db: None) -> None:
    refused = Caller(None)("GET", "/organizations")
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused["WWW-Authenticate"].startswith("Bearer")
