"""The bundle for a site without internet: to the edge itself and to people who may see it."""

from typing import Any

import pytest

from edge_protocol import canonical
from edge_protocol.envelope import Envelope
from edge_protocol.manifest import Manifest
from edges.models import TrustRoot
from tests import build
from tests.sync_api.conftest import Asker, Published
from tests.sync_api.test_authentication import problem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _roots() -> None:
    for number in (1, 2):
        TrustRoot.objects.create(root_version=number, envelope={"n": number}, sha256="", created_at=build.NOW)


def path(published: Published, number: object) -> str:
    return published.asker.path(f"versions/{number}/bundle")


def test_an_edge_gets_any_of_its_versions(published: Published) -> None:
    published.threshold(40_000)
    for number in (1, 2):
        answer = published.asker.get(f"versions/{number}/bundle")
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "private, no-store"
        body = answer.json()
        assert set(body) == {"document", "manifest", "roots"}
        told = Manifest.from_payload(Envelope.from_json(body["manifest"]).payload)
        assert told.version == body["document"]["version"] == number
        for name, digest in told.sections.items():
            assert canonical.section_digest(body["document"][name]) == digest
        assert body["roots"] == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize(("number", "status"), [(3, 404), (0, 404), ("01", 404), (-1, 404), ("x", 404)])
def test_what_was_never_published_is_not_there(published: Published, number: object, status: int) -> None:
    assert problem(published.asker.get(f"versions/{number}/bundle")) == (status, "not_found")


def test_another_edges_bundle_is_refused_like_an_unknown_one(published: Published) -> None:
    for edge_id in (published.world.south_edge.edge_id, "no-such-edge"):
        answer = published.asker.client.get(
            f"/api/v1/edges/{edge_id}/versions/1/bundle", headers=published.asker.headers()
        )
        assert problem(answer) == (403, "wrong_edge")


def test_people_get_the_bundles_of_their_organizations_only(published: Published) -> None:
    organization, client = published.world.organization, published.asker.client
    birch = build.make_organization("birch")
    viewer, stranger, member = (build.make_user(name) for name in ("vera", "sam", "mia"))
    build.make_membership(viewer, organization, "viewer")
    build.make_membership(stranger, birch, "owner")
    build.make_membership(member, organization, "viewer", published.world.south)
    got: dict[str, Any] = {}
    for who, where in ((viewer, organization), (stranger, birch), (member, organization)):
        site = published.world.south if who is member else None
        _, token = build.make_operator_token(
            who, where, role="viewer" if who is not stranger else "owner", site=site
        )
        headers = {"Authorization": f"Bearer {token}"}
        got[who.username] = client.get(path(published, 1), headers=headers)
        got[f"{who.username} unknown"] = client.get(
            "/api/v1/edges/no-such/versions/1/bundle", headers=headers
        )
    assert got["vera"].status_code == 200
    for name in ("vera unknown", "sam", "sam unknown", "mia", "mia unknown"):
        assert problem(got[name]) == (404, "not_found"), name
        assert got[name].json()["detail"] == got["sam"].json()["detail"]
    client.force_login(viewer)
    assert client.get(path(published, 1)).status_code == 200
    client.logout()
    assert problem(client.get(path(published, 1))) == (401, "unauthenticated")


def test_query_counts_of_a_bundle(published: Published, django_assert_num_queries: Any) -> None:
    asker: Asker = published.asker
    asker.get("config")  # leases the limits' tokens
    # 1 edge_poll; savepoint, tenant, 1 version with roots, 1 its blobs, tenant back, release
    with django_assert_num_queries(7):
        asker.get("versions/1/bundle")
