"""Enrollment, rotation and trust roots over HTTP."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from edges import enrollment, tenancy
from edges.models import Edge, EdgeKey, TrustRoot
from tests import build
from tests.sync_api.conftest import Asker, make_asker, make_head
from tests.sync_api.test_authentication import problem

pytestmark = pytest.mark.django_db
NONCE = "nonce-0001"


@pytest.fixture(autouse=True)
def root() -> TrustRoot:
    return TrustRoot.objects.create(
        root_version=1, envelope={"payload": "e30"}, sha256="ab" * 32, created_at=build.NOW
    )


@dataclass
class Candidate:
    """A machine with a token in its hand."""

    client: Client
    token: str

    def enroll(self, **more: Any) -> Any:
        body = {"token": self.token, "nonce": NONCE, "agent_version": "1.0", "schemas": ["ems-config/1"]}
        return self.client.post("/api/v1/enroll", body | more, content_type="application/json")


def token_for(edge: Edge, *, issued_at: Any = None) -> str:
    with tenancy.scope([edge.organization_id]):
        text, _ = enrollment.issue_token(
            edge=edge, by="alice", now=issued_at or build.NOW, random_bytes=secrets.token_bytes
        )
    return text


@pytest.fixture
def candidate(client: Client, cast: build.Cast) -> Candidate:
    return Candidate(client, token_for(cast.acme_north))


def test_a_token_is_worth_a_key(candidate: Candidate, cast: build.Cast) -> None:
    answer = candidate.enroll()
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert set(body) == {"edge_id", "edge_uid", "org_uid", "key_id", "key", "trust_root"}
    assert (body["edge_id"], body["edge_uid"]) == ("acme-north-1", str(cast.acme_north.pk))
    assert body["org_uid"] == str(cast.acme.pk)
    assert body["trust_root"] == {"root_version": 1, "sha256": "ab" * 32}
    assert body["key"].startswith(f"emse_{body['key_id']}_")
    make_head(cast.acme_north)
    path = "/api/v1/edges/acme-north-1/config"
    fetched = candidate.client.get(path, headers={"X-API-Key": body["key"], "If-None-Match": "*"})
    assert fetched.status_code == 304


def test_a_token_works_once(candidate: Candidate) -> None:
    candidate.enroll()
    assert problem(candidate.enroll(nonce="another-nonce")) == (401, "enroll_token_invalid")


def test_a_lost_answer_may_be_asked_for_again(candidate: Candidate) -> None:
    first, second = candidate.enroll().json(), candidate.enroll().json()
    assert first["key"] != second["key"]
    path = "/api/v1/edges/acme-north-1/config"
    assert candidate.client.get(path, headers={"X-API-Key": first["key"]}).status_code == 401
    assert candidate.client.get(path, headers={"X-API-Key": second["key"]}).status_code == 404


@pytest.mark.parametrize("token", ["", "x", "emsn_" + "0" * 61, "emse_" + "0" * 61])
def test_unknown_tokens_get_one_answer(candidate: Candidate, token: str) -> None:
    answer = candidate.enroll(token=token)
    assert problem(answer) == ((422, "invalid") if token == "" else (401, "enroll_token_invalid"))


def test_an_expired_token_gets_the_same_answer(client: Client, cast: build.Cast) -> None:
    old = Candidate(client, token_for(cast.acme_north, issued_at=build.NOW - timedelta(days=40)))
    assert problem(old.enroll()) == (401, "enroll_token_invalid")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"nonce": "short"}, "/nonce"),
        ({"nonce": None}, "/nonce"),
        ({"agent_version": 1}, "/agent_version"),
        ({"schemas": "ems-config/1"}, "/schemas"),
        ({"schemas": [1]}, "/schemas/0"),
        ({"hardware_id": {}}, "/hardware_id"),
    ],
)
def test_a_wrong_shape_is_told_with_its_path(candidate: Candidate, change: dict[str, Any], path: str) -> None:
    answer = candidate.enroll(**change)
    assert problem(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["path"] == path


def test_guessing_tokens_is_limited_by_address(settings: Any, candidate: Candidate) -> None:
    settings.EMS_LIMITS = {"failed": [3, 0.01, 1, 0]}
    codes = [candidate.enroll(token="emsn_" + "0" * 61).status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]


def test_one_token_is_not_spent_in_a_loop(settings: Any, candidate: Candidate) -> None:
    settings.EMS_LIMITS = {"enroll": [2, 0.01, 1, 0]}
    codes = [candidate.enroll().status_code for _ in range(3)]
    assert codes == [201, 201, 429]


def test_replaced_hardware_ends_the_old_key_at_the_new_ones_first_use(
    client: Client, cast: build.Cast
) -> None:
    old = make_asker(client, cast.acme_north)
    make_head(cast.acme_north)
    tag = {"If-None-Match": "*"}
    new = Candidate(client, token_for(cast.acme_north)).enroll().json()["key"]
    assert old.get("config", **tag).status_code == 304
    used = client.get(old.path("config"), headers={"X-API-Key": new, **tag})
    assert used.status_code == 304
    assert problem(old.get("config", **tag)) == (401, "unauthenticated")


def test_a_rotated_key_is_confirmed_by_its_first_use(asker: Asker) -> None:
    answer = asker.post("keys/rotate", {})
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert set(body) == {"key_id", "key", "old_key_expires_at"}
    make_head(asker.edge)
    used = asker.client.get(asker.path("config"), headers={"X-API-Key": body["key"], "If-None-Match": "*"})
    assert used.status_code == 304
    with tenancy.scope([asker.edge.organization_id]):
        assert EdgeKey.objects.get(key_id=body["key_id"]).pending is False
        assert EdgeKey.objects.get(pk=asker.key.pk).expires_at is not None


def test_rotating_again_voids_the_candidate(asker: Asker) -> None:
    first, second = (asker.post("keys/rotate", {}).json()["key"] for _ in range(2))
    assert asker.client.get(asker.path("config"), headers={"X-API-Key": first}).status_code == 401
    assert asker.client.get(asker.path("config"), headers={"X-API-Key": second}).status_code == 404


def test_rotating_needs_no_body(asker: Asker) -> None:
    answer = asker.client.generic("POST", asker.path("keys/rotate"), headers=asker.headers())
    assert answer.status_code == 201


def test_a_foreign_edge_cannot_be_rotated(asker: Asker, intruder: Asker) -> None:
    answer = asker.client.generic("POST", asker.path("keys/rotate"), headers=intruder.headers())
    assert problem(answer) == (403, "wrong_edge")


@pytest.mark.parametrize("who", ["edge", "operator", "session"])
def test_trust_roots_are_for_edges_and_people(asker: Asker, cast: build.Cast, who: str) -> None:
    headers = {}
    if who == "edge":
        headers = asker.headers()
    elif who == "operator":
        headers = {"Authorization": f"Bearer {build.make_operator_token(cast.bob, cast.acme)[1]}"}
    else:
        asker.client.force_login(cast.bob)
    answer = asker.client.get("/api/v1/trust/roots/1", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"payload": "e30"})
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    assert problem(asker.client.get("/api/v1/trust/roots/2", headers=headers)) == (404, "not_found")


def test_trust_roots_are_not_for_strangers(client: Client) -> None:
    for root_version in ("1", "2"):
        answer = client.get(f"/api/v1/trust/roots/{root_version}")
        assert problem(answer) == (401, "unauthenticated")


@pytest.mark.parametrize("number", ["0", "01", "-1", "1.0", "x", "9999999999", "%00"])
def test_what_is_no_number_names_no_root(asker: Asker, number: str) -> None:
    answer = asker.client.get(f"/api/v1/trust/roots/{number}", headers=asker.headers())
    assert problem(answer) == (404, "not_found")


def test_query_counts_of_identity_calls(
    candidate: Candidate, asker: Asker, django_assert_num_queries: Any
) -> None:
    asker.get("config")  # leases the limits' tokens
    # 1 edge_poll; 1 the root
    with django_assert_num_queries(2):
        asker.client.get("/api/v1/trust/roots/1", headers=asker.headers())


def test_query_counts_of_enrolling(candidate: Candidate, django_assert_num_queries: Any) -> None:
    # the token's door; the limit's lease; the door again, inside the use case; savepoint, tenant;
    # the edge, locked; the token, locked; the candidates voided; the live key; the new key; the token
    # used; what the machine said of itself; tenant back, release; root 1
    with django_assert_num_queries(15):
        assert candidate.enroll().status_code == 201


def test_query_counts_of_rotating(asker: Asker, django_assert_num_queries: Any) -> None:
    # edge_poll; the limits' lease; savepoint, tenant; the edge, locked; the key; the candidates voided;
    # the new key; tenant back, release
    with django_assert_num_queries(10):
        assert asker.post("keys/rotate", {}).status_code == 201
