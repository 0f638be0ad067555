"""`/organizations/{org}/layers/{scope}/{target}`: the bare document, its tag, and another in its place."""

from typing import Any

import pytest

from configs.models import ChangeSet, Revision, Version
from edges import tenancy
from tests import build
from tests.console.conftest import Caller

ACME = "/organizations/acme/layers/organization/acme"


def counts(cast: build.Cast) -> tuple[int, int, int]:
    with tenancy.scope([cast.acme.pk]):
        return ChangeSet.objects.count(), Revision.objects.count(), Version.objects.count()


def test_an_absent_layer_is_empty_at_revision_0(alice: Caller) -> None:
    answer = alice("GET", ACME)
    assert (answer.status_code, answer.json(), answer["ETag"]) == (200, {}, '"0"')


def test_a_put_publishes_at_once(published: build.Cast, alice: Caller) -> None:
    body = build.document() | {"core_cycle": {"period_ms": 2000}}
    answer = alice("PUT", f"{ACME}?reason=Slower", body, If_Match='"1"')
    assert (answer.status_code, answer["ETag"]) == (200, '"2"')
    told = answer.json()
    assert told["state"] == "published"
    assert {item["edge_id"]: item["changed_sections"] for item in told["affected"]} == {
        "acme-north-1": ["core_cycle"],
        "acme-south-1": ["core_cycle"],
    }
    read = alice("GET", ACME)
    assert (read.json(), read["ETag"]) == (body, '"2"')


def test_a_document_read_from_an_edge_can_be_put_as_it_is(published: build.Cast, alice: Caller) -> None:
    body = build.document() | {"version": 7, "timestamp": "2026-01-01T00:00:00Z", "edge_id": "x"}
    assert alice("PUT", ACME, body, If_Match='"1"').status_code == 200
    assert "version" not in alice("GET", ACME).json()


@pytest.mark.parametrize(("tag", "status", "code"), [(None, 428, "if_match_required"), ('"0"', 412, "stale")])
def test_a_put_names_the_revision_that_it_replaces(
    published: build.Cast, alice: Caller, tag: str | None, status: int, code: str
) -> None:
    before = counts(published)
    headers = {"If_Match": tag} if tag else {}
    refused = alice("PUT", ACME, {"core_cycle": {}}, **headers)
    assert (refused.status_code, refused.json()["code"], refused["ETag"]) == (status, code, '"1"')
    assert refused.json()["send"] == {"If-Match": '"1"'}
    assert counts(published) == before


def test_a_dry_run_changes_nothing(published: build.Cast, alice: Caller) -> None:
    before = counts(published)
    body = build.document() | {"core_cycle": {"period_ms": 2000}}
    answer = alice("PUT", f"{ACME}?dry_run=true", body, If_Match='"1"')
    assert (answer.status_code, answer["ETag"], len(answer.json()["affected"])) == (200, '"1"', 2)
    assert counts(published) == before


def test_a_misspelt_dry_run_does_not_publish(published: build.Cast, alice: Caller) -> None:
    before = counts(published)
    for query in ("dryrun=true", "dry_run=yes", "dry_run="):
        refused = alice("PUT", f"{ACME}?{query}", build.document(), If_Match='"1"')
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_query")
    assert counts(published) == before


def test_an_invalid_document_is_refused_whole_with_edge_path_rule_and_layer(
    published: build.Cast, alice: Caller
) -> None:
    before = counts(published)
    body = build.document()
    body["scheduler"]["controllers"][1]["parameters"]["recharge_threshold_watts"] = 90_000
    refused = alice("PUT", ACME, body, If_Match='"1"')
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    error = refused.json()["errors"][0]
    assert {error["edge_id"] for error in refused.json()["errors"]} == {"acme-north-1", "acme-south-1"}
    assert error["rule"] == "E09"
    assert error["path"].startswith("/scheduler/controllers/ctrlPeakShaving0/parameters")
    assert error["layer"] == {"scope": "organization", "target": "acme"}
    assert counts(published) == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (None, 400, "bad_json"),
        (b"{", 400, "bad_json"),
        (b'{"core_cycle": 1, "core_cycle": 2}', 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b'{"alarms": NaN}', 400, "bad_json"),
        ({"core_cycle": {"period_ms": 1}}, 422, "invalid"),
        ({"unheard_of": 1}, 422, "invalid"),
    ],
)
def test_a_body_that_is_no_layer_changes_nothing(
    published: build.Cast, alice: Caller, body: Any, status: int, code: str
) -> None:
    before = counts(published)
    refused = alice("PUT", ACME, body, If_Match='"1"')
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert counts(published) == before


def test_a_layer_is_reached_under_its_own_organization_alone(published: build.Cast, alice: Caller) -> None:
    for path in (
        "/organizations/acme/layers/organization/birch",
        "/organizations/acme/layers/site/main",
        "/organizations/acme/layers/edge/birch-main-1",
        "/organizations/acme/layers/edge/unknown-1",
        "/organizations/acme/layers/planet/earth",
        "/organizations/birch/layers/organization/birch",
    ):
        assert alice("GET", path).status_code == 404
        assert alice("PUT", path, {}, If_Match='"0"').status_code == 404


def test_a_viewer_reads_a_layer_and_does_not_put_it(published: build.Cast, bob: Caller) -> None:
    assert bob("GET", ACME).status_code == 200
    assert bob("PUT", ACME, build.document(), If_Match='"1"').status_code == 403


def test_a_person_of_one_site_puts_its_layers_alone(published: build.Cast, nora: Caller) -> None:
    body = {"core_cycle": {"period_ms": 3000}}
    assert nora("PUT", "/organizations/acme/layers/site/north", body, If_Match='"0"').status_code == 200
    assert (
        nora("PUT", "/organizations/acme/layers/edge/acme-north-1", body, If_Match='"0"').status_code == 200
    )
    assert nora("PUT", "/organizations/acme/layers/site/south", body, If_Match='"0"').status_code == 404
    assert nora("PUT", ACME, body, If_Match='"1"').status_code == 403
