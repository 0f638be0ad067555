"""Roll back, hold, release, retry and apply, over REST."""

from typing import Any

import pytest

from configs.models import Hold, Version
from edges import tenancy
from edges.models import EdgeRequest, EdgeStatus
from tests import build
from tests.console.conftest import Caller
from tests.console.test_documents import publish

NORTH = "/edges/acme-north-1"
WHY = {"reason": "A test"}


def versions(cast: build.Cast) -> list[tuple[int, str, int | None]]:
    with tenancy.scope([cast.acme.pk]):
        rows = Version.objects.filter(edge=cast.acme_north).order_by("number")
        return list(rows.values_list("number", "kind", "content_of"))


def test_a_rollback_makes_a_new_version_and_holds(published: build.Cast, alice: Caller) -> None:
    publish(alice, 2000)
    answer = alice("POST", f"{NORTH}/rollback", WHY | {"to_version": 1})
    assert answer.status_code == 201, answer.content
    assert [(one["edge_id"], one["version"]) for one in answer.json()["affected"]] == [("acme-north-1", 3)]
    assert versions(published)[-1] == (3, "rollback", 1)
    with tenancy.scope([published.acme.pk]):
        assert Hold.objects.get(edge=published.acme_north, released_at=None).source == "rollback"
    assert alice("GET", f"{NORTH}/status").json()["hold"]["reason"] == "A test"


def test_a_rollback_without_a_number_goes_to_the_version_before(published: build.Cast, alice: Caller) -> None:
    publish(alice, 2000)
    publish(alice, 3000)
    alice("POST", f"{NORTH}/rollback", WHY)
    assert versions(published)[-1] == (4, "rollback", 2)


def test_a_rehearsed_rollback_changes_nothing(published: build.Cast, alice: Caller) -> None:
    publish(alice, 2000)
    before = versions(published)
    answer = alice("POST", f"{NORTH}/rollback?dry_run=true", WHY)
    assert (answer.status_code, answer.json()["id"], answer.json()["state"]) == (200, None, "draft")
    assert [one["version"] for one in answer.json()["affected"]] == [3]
    assert versions(published) == before
    assert alice("GET", f"{NORTH}/status").json()["hold"] is None


@pytest.mark.parametrize("body", [{}, {"reason": ""}, WHY | {"to_version": 0}, WHY | {"to_version": "1"}])
def test_a_rollback_without_sense_is_422(published: build.Cast, alice: Caller, body: Any) -> None:
    assert alice("POST", f"{NORTH}/rollback", body).status_code == 422


def test_a_rollback_to_nothing_is_refused(published: build.Cast, alice: Caller) -> None:
    assert alice("POST", f"{NORTH}/rollback", WHY).status_code in (404, 409)
    assert alice("POST", f"{NORTH}/rollback", WHY | {"to_version": 99}).status_code == 404


def test_changes_pass_a_held_edge_by_until_it_is_released(published: build.Cast, alice: Caller) -> None:
    held = alice("POST", f"{NORTH}/hold", WHY | {"until": "2030-01-01T00:00:00Z"})
    assert (held.status_code, held.json()["review_at"]) == (201, "2030-01-01T00:00:00Z")
    assert alice("POST", f"{NORTH}/hold", WHY).status_code == 409
    told = publish(alice, 2000)
    assert {one["edge_id"]: one["why"] for one in told["unaffected"]} == {"acme-north-1": "held"}
    preview = alice("POST", f"{NORTH}/release?dry_run=true", WHY)
    assert [one["edge_id"] for one in preview.json()["affected"]] == ["acme-north-1"]
    released = alice("POST", f"{NORTH}/release", WHY | {"preview_digest": preview.json()["preview_digest"]})
    assert released.status_code == 201, released.content
    assert versions(published)[-1][0] == 2
    assert alice("POST", f"{NORTH}/release", WHY).status_code == 409


def test_a_retry_of_nothing_refused_is_409(published: build.Cast, alice: Caller) -> None:
    assert alice("POST", f"{NORTH}/retry", WHY).status_code == 409


def test_refused_content_is_offered_again(published: build.Cast, alice: Caller) -> None:
    attempt = {"version": 1, "status": "rejected", "code": "driver", "digest": "x"}
    with tenancy.scope([published.acme.pk]):
        EdgeStatus.objects.update_or_create(
            edge=published.acme_north,
            defaults={"organization_id": published.acme.pk, "last_attempt": attempt},
        )
    answer = alice("POST", f"{NORTH}/retry", WHY)
    assert answer.status_code == 201, answer.content
    assert versions(published)[-1] == (2, "retry", 1)


def test_an_edge_is_asked_to_apply_what_it_has_staged(published: build.Cast, alice: Caller) -> None:
    answer = alice("POST", f"{NORTH}/apply", WHY)
    assert (answer.status_code, answer.json()["kind"]) == (202, "apply")
    with tenancy.scope([published.acme.pk]):
        assert EdgeRequest.objects.get(edge=published.acme_north).kind == "apply"


@pytest.mark.parametrize("act", ["rollback", "retry", "apply", "hold", "release"])
def test_acts_are_for_operators_of_the_edge(
    published: build.Cast, bob: Caller, dora: Caller, act: str
) -> None:
    before = versions(published)
    assert bob("POST", f"{NORTH}/{act}", WHY).status_code == 403
    answers = [dora("POST", f"/edges/{edge}/{act}", WHY) for edge in ("acme-north-1", "unknown-1")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert versions(published) == before
