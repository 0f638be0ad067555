"""Enrollment tokens and edge keys: who may have them, and what ending one does."""

import pytest

from edges import tenancy
from edges.models import EdgeKey, TrustRoot
from tests import build
from tests.console.conftest import Caller


def test_an_enrollment_token_comes_with_the_line_to_paste(alice: Caller, trust: TrustRoot) -> None:
    answer = alice("POST", "/edges/acme-north-1/enrollment-token", {"ttl_hours": 2})
    assert answer.status_code == 201
    issued = answer.json()
    assert issued["token"].startswith("emsn_")
    assert issued["command"] == (
        f"EMS_ENROLLMENT_TOKEN={issued['token']} ems-agent enroll --server http://testserver "
        f"--root-sha256 {trust.sha256}"
    )
    assert answer["Cache-Control"] == "no-store"


def test_a_secret_is_not_repeated_for_the_same_idempotency_key(alice: Caller, trust: TrustRoot) -> None:
    first = alice("POST", "/edges/acme-north-1/enrollment-token", {}, Idempotency_Key="k")
    again = alice("POST", "/edges/acme-north-1/enrollment-token", {}, Idempotency_Key="k")
    assert (first.status_code, again.status_code, again.json()["code"]) == (201, 409, "already_answered")
    assert first.json()["token"].encode() not in again.content


@pytest.mark.parametrize("hours", [0, 10_000, "2", 1.5, True])
def test_a_lifetime_out_of_range_is_refused(alice: Caller, trust: TrustRoot, hours: object) -> None:
    assert alice("POST", "/edges/acme-north-1/enrollment-token", {"ttl_hours": hours}).status_code == 422


def test_keys_are_listed_without_anything_secret(alice: Caller, cast: build.Cast) -> None:
    key, text = build.make_key(cast.acme_north)
    answer = alice("GET", "/edges/acme-north-1/keys")
    assert [item["key_id"] for item in answer.json()["items"]] == [key.key_id]
    assert text.encode() not in answer.content
    assert key.mac.hex().encode() not in answer.content


def test_the_only_live_key_is_revoked_with_cut_off_alone(alice: Caller, cast: build.Cast) -> None:
    key, _ = build.make_key(cast.acme_north)
    path = f"/edges/acme-north-1/keys/{key.key_id}"
    refused = alice("DELETE", path)
    assert (refused.status_code, refused.json()["code"]) == (409, "last_key")
    ended = alice("DELETE", f"{path}?cut_off=true")
    assert (ended.status_code, ended.json()["revoked_by"]) == (200, "alice")
    with tenancy.scope([cast.acme.pk]):
        assert EdgeKey.objects.get(pk=key.pk).revoked_at is not None


def test_one_of_two_keys_is_revoked_without_more_words(alice: Caller, cast: build.Cast) -> None:
    key, _ = build.make_key(cast.acme_north)
    build.make_key(cast.acme_north)
    assert alice("DELETE", f"/edges/acme-north-1/keys/{key.key_id}").status_code == 200


def test_the_key_of_another_edge_is_unknown_under_this_one(alice: Caller, cast: build.Cast) -> None:
    foreign, _ = build.make_key(cast.birch_edge)
    sibling, _ = build.make_key(cast.acme_south)
    answers = [
        alice("DELETE", f"/edges/acme-north-1/keys/{key_id}")
        for key_id in (foreign.key_id, sibling.key_id, "0" * 12)
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.json()["detail"] for answer in answers}) == 1


def test_a_viewer_neither_issues_nor_revokes(bob: Caller, cast: build.Cast) -> None:
    key, _ = build.make_key(cast.acme_north)
    assert bob("POST", "/edges/acme-north-1/enrollment-token", {}).status_code == 403
    assert bob("DELETE", f"/edges/acme-north-1/keys/{key.key_id}?cut_off=true").status_code == 403
    assert bob("GET", "/edges/acme-north-1/keys").status_code == 200


def test_cut_off_is_true_or_false(alice: Caller, cast: build.Cast) -> None:
    key, _ = build.make_key(cast.acme_north)
    refused = alice("DELETE", f"/edges/acme-north-1/keys/{key.key_id}?cut_off=yes")
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_query")
