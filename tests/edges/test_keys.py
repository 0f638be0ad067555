"""Keys: made, confirmed by use, rotated with an overlap, replaced with the hardware, revoked."""

import secrets
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from edge_protocol.keys import make_credential
from edges import credentials, enrollment, keys, tenancy
from edges.credentials import Suspended, Unauthenticated, authenticate_edge
from edges.errors import EnrollTokenInvalid, LastKeyError, RetiredError, ValueRefusedError
from edges.models import Edge, EdgeKey, EdgeStatus, EnrollmentToken, Organization, Site
from tests.build import NOW, Cast, make_key

MINUTE = timedelta(minutes=1)


def key_of(key_id: str) -> EdgeKey:
    return EdgeKey.objects.get(key_id=key_id)


def enroll(token: str, *, nonce: str = "n1", now=NOW) -> enrollment.Enrolled:
    return enrollment.enroll(
        token=token,
        nonce=nonce,
        agent_version="1.0",
        schemas=["ems-config/1"],
        hardware_id="hw-1",
        now=now,
        random_bytes=secrets.token_bytes,
    )


def token_for(edge: Edge, **values) -> str:
    with tenancy.scope([edge.organization_id]):
        return enrollment.issue_token(
            edge=edge, by="alice", **{"now": NOW, "random_bytes": secrets.token_bytes, **values}
        )[0]


def test_a_live_key_names_its_edge_in_one_read(cast: Cast) -> None:
    key, text = make_key(cast.acme_north)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        principal = authenticate_edge(text, now=NOW)
        keys.touch(principal=principal, now=NOW)
    assert len(queries) == 1  # edge_poll; the key was used less than a minute ago
    assert (principal.edge_id, principal.edge_uid) == ("acme-north-1", cast.acme_north.pk)
    assert (principal.organization_id, principal.key_id) == (cast.acme.pk, key.key_id)
    assert principal.head is None


def test_the_secret_is_stored_nowhere(cast: Cast) -> None:
    key, text = make_key(cast.acme_north)
    assert bytes(key.mac) == credentials.mac(key.pepper, text)
    assert text.split("_")[2].encode() not in bytes(key.mac)


def test_a_forged_secret_is_refused(cast: Cast) -> None:
    key, _ = make_key(cast.acme_north)
    with pytest.raises(Unauthenticated):
        authenticate_edge(make_credential("emse", key.key_id, "0" * 43), now=NOW)


def test_an_unknown_key_is_refused(cast: Cast) -> None:
    with pytest.raises(Unauthenticated):
        authenticate_edge(make_credential("emse", "0" * 12, "0" * 43), now=NOW)


@pytest.mark.parametrize("text", ["", "emse_x", "emso_" + "0" * 12 + "_" + "0" * 49, "emse_" + "ä" * 62])
def test_what_is_no_edge_key_is_refused_without_the_database(text: str) -> None:
    with pytest.raises(Unauthenticated):
        authenticate_edge(text, now=NOW)


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
def test_an_ended_key_is_refused(cast: Cast, column: str) -> None:
    _, text = make_key(cast.acme_north, **{column: NOW})
    with pytest.raises(Unauthenticated):
        authenticate_edge(text, now=NOW)


def test_a_key_whose_pepper_is_gone_is_refused_and_said(cast: Cast, caplog) -> None:
    _, text = make_key(cast.acme_north, pepper=9)
    with pytest.raises(Unauthenticated):
        authenticate_edge(text, now=NOW)
    assert "pepper 9" in caplog.text
    assert text not in caplog.text


def test_a_key_of_an_old_pepper_still_opens(cast: Cast, settings) -> None:
    _, text = make_key(cast.acme_north)
    settings.EMS_PEPPERS = settings.EMS_PEPPERS | {7: b"another pepper of thirty-two bytes"}
    assert authenticate_edge(text, now=NOW).edge_id == "acme-north-1"
    assert make_key(cast.acme_north)[0].pepper == 7


@pytest.mark.parametrize("what", ["organization", "site", "edge"])
def test_a_key_under_something_inactive_is_suspended(cast: Cast, what: str) -> None:
    _, text = make_key(cast.acme_north)
    with tenancy.scope([cast.acme.id]):
        if what == "organization":
            Organization.objects.filter(pk=cast.acme.pk).update(is_active=False)
        elif what == "site":
            Site.objects.filter(pk=cast.north.pk).update(is_active=False)
        else:
            Edge.objects.filter(pk=cast.acme_north.pk).update(stage="retired")
    with pytest.raises(Suspended):
        authenticate_edge(text, now=NOW)


def test_use_is_noted_once_a_minute(cast: Cast) -> None:
    key, text = make_key(cast.acme_north)
    for later, noted in ((MINUTE / 2, NOW), (MINUTE, NOW + MINUTE)):
        keys.touch(principal=authenticate_edge(text, now=NOW + later), now=NOW + later)
        with tenancy.scope([cast.acme.id]):
            assert key_of(key.key_id).last_used_at == noted


def test_a_candidate_starts_the_grace_of_the_old_key_when_it_is_used(cast: Cast) -> None:
    old, old_text = make_key(cast.acme_north)
    rotated = keys.rotate(
        principal=authenticate_edge(old_text, now=NOW), now=NOW, random_bytes=secrets.token_bytes
    )
    assert rotated.old_key_expires_at == NOW + timedelta(hours=24)
    with tenancy.scope([cast.acme.id]):
        assert key_of(old.key_id).expires_at is None  # nobody has proved to hold the candidate yet
    candidate = authenticate_edge(rotated.key, now=NOW + MINUTE)
    assert candidate.key_pending
    keys.touch(principal=candidate, now=NOW + MINUTE)
    assert not authenticate_edge(rotated.key, now=NOW + MINUTE).key_pending
    assert authenticate_edge(old_text, now=NOW + timedelta(hours=23)).edge_id == "acme-north-1"
    with pytest.raises(Unauthenticated):
        authenticate_edge(old_text, now=rotated.old_key_expires_at)


def test_asking_again_voids_the_candidate(cast: Cast) -> None:
    _, text = make_key(cast.acme_north)
    first, second = (
        keys.rotate(principal=authenticate_edge(text, now=NOW), now=NOW, random_bytes=secrets.token_bytes)
        for _ in range(2)
    )
    with pytest.raises(Unauthenticated):
        authenticate_edge(first.key, now=NOW)
    assert authenticate_edge(second.key, now=NOW).key_pending


def test_a_candidate_used_after_a_week_ends_the_old_key_at_once(cast: Cast) -> None:
    _, text = make_key(cast.acme_north)
    rotated = keys.rotate(
        principal=authenticate_edge(text, now=NOW), now=NOW, random_bytes=secrets.token_bytes
    )
    later = NOW + timedelta(days=7)
    keys.touch(principal=authenticate_edge(rotated.key, now=later), now=later)
    with pytest.raises(Unauthenticated):
        authenticate_edge(text, now=later)


def test_an_edge_that_retired_meanwhile_gets_no_key(cast: Cast) -> None:
    _, text = make_key(cast.acme_north)
    principal = authenticate_edge(text, now=NOW)
    with tenancy.scope([cast.acme.id]):
        Edge.objects.filter(pk=cast.acme_north.pk).update(stage="retired")
    with pytest.raises(RetiredError):
        keys.rotate(principal=principal, now=NOW, random_bytes=secrets.token_bytes)


def test_a_key_is_due_after_the_organizations_days(cast: Cast) -> None:
    _, text = make_key(cast.acme_north)
    principal = authenticate_edge(text, now=NOW)
    assert not principal.rotation_due(NOW + timedelta(days=89))
    assert principal.rotation_due(NOW + timedelta(days=90))


def test_the_only_live_key_is_kept_unless_cutting_off_is_asked_for(cast: Cast) -> None:
    key, text = make_key(cast.acme_north)
    make_key(cast.acme_north, expires_at=NOW)  # an expired one is no other way in
    ask = {"edge": cast.acme_north, "key_id": key.key_id, "by": "alice", "reason": "lost", "now": NOW}
    with tenancy.scope([cast.acme.id]), pytest.raises(LastKeyError):
        keys.revoke(**ask, cut_off=False)
    assert authenticate_edge(text, now=NOW).key_id == key.key_id
    with tenancy.scope([cast.acme.id]):
        keys.revoke(**ask, cut_off=True)
        assert keys.revoke(**ask, cut_off=False).revoked_by == "alice"
    with pytest.raises(Unauthenticated):
        authenticate_edge(text, now=NOW)


def test_one_of_two_keys_is_revoked_without_more_ado(cast: Cast) -> None:
    key, text = make_key(cast.acme_north)
    _, other = make_key(cast.acme_north)
    with tenancy.scope([cast.acme.id]):
        keys.revoke(edge=cast.acme_north, key_id=key.key_id, by="alice", reason="", now=NOW, cut_off=False)
    with pytest.raises(Unauthenticated):
        authenticate_edge(text, now=NOW)
    assert authenticate_edge(other, now=NOW).edge_id == "acme-north-1"


def test_a_foreign_edges_key_is_not_there_to_revoke(cast: Cast) -> None:
    key, _ = make_key(cast.birch_edge)
    with tenancy.scope([cast.acme.id]), pytest.raises(EdgeKey.DoesNotExist):
        keys.revoke(edge=cast.acme_north, key_id=key.key_id, by="alice", reason="", now=NOW, cut_off=True)


def test_an_enrollment_token_becomes_a_key(cast: Cast) -> None:
    enrolled = enroll(token_for(cast.acme_north))
    assert (enrolled.edge_id, enrolled.edge_uid, enrolled.org_uid) == (
        "acme-north-1",
        cast.acme_north.pk,
        cast.acme.pk,
    )
    principal = authenticate_edge(enrolled.key, now=NOW)
    assert not principal.key_pending
    with tenancy.scope([cast.acme.id]):
        status = EdgeStatus.objects.get(edge=cast.acme_north)
    assert (status.agent_version, status.hardware_id, status.schemas) == ("1.0", "hw-1", ["ems-config/1"])


def test_a_token_works_once(cast: Cast) -> None:
    token = token_for(cast.acme_north)
    enroll(token)
    with pytest.raises(EnrollTokenInvalid):
        enroll(token, nonce="n2")


def test_the_same_nonce_soon_after_voids_the_lost_key(cast: Cast) -> None:
    token = token_for(cast.acme_north)
    lost, found = enroll(token), enroll(token, now=NOW + timedelta(minutes=10))
    with pytest.raises(Unauthenticated):
        authenticate_edge(lost.key, now=NOW)
    assert not authenticate_edge(found.key, now=NOW).key_pending


def test_the_same_nonce_after_ten_minutes_is_too_late(cast: Cast) -> None:
    token = token_for(cast.acme_north)
    enroll(token)
    with pytest.raises(EnrollTokenInvalid):
        enroll(token, now=NOW + timedelta(minutes=10, seconds=1))


def test_an_expired_token_is_refused(cast: Cast) -> None:
    with pytest.raises(EnrollTokenInvalid):
        enroll(token_for(cast.acme_north, ttl_hours=1), now=NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    "token", ["", "emsn_" + "0" * 12 + "_" + "0" * 49, make_credential("emsn", "A" * 12, "0" * 43)]
)
def test_an_unknown_token_is_refused(db: None, token: str) -> None:
    with pytest.raises(EnrollTokenInvalid):
        enroll(token)


@pytest.mark.parametrize("hours", [0, -1, 24 * 14 + 1])
def test_a_token_without_a_sensible_life_is_refused(cast: Cast, hours: int) -> None:
    with pytest.raises(ValueRefusedError):
        token_for(cast.acme_north, ttl_hours=hours)


def test_new_hardware_ends_the_old_key_when_it_first_comes(cast: Cast) -> None:
    _, old = make_key(cast.acme_north)
    new = enroll(token_for(cast.acme_north))
    assert authenticate_edge(old, now=NOW).edge_id == "acme-north-1"
    keys.touch(principal=authenticate_edge(new.key, now=NOW), now=NOW)
    with pytest.raises(Unauthenticated):
        authenticate_edge(old, now=NOW)


def test_a_token_of_a_suspended_organization_is_suspended(cast: Cast) -> None:
    token = token_for(cast.acme_north)
    with tenancy.scope([cast.acme.id]):
        Organization.objects.filter(pk=cast.acme.pk).update(is_active=False)
    with pytest.raises(Suspended):
        enroll(token)


def test_a_token_of_a_retired_edge_is_worth_nothing(cast: Cast) -> None:
    token = token_for(cast.acme_north)
    with tenancy.scope([cast.acme.id]):
        Edge.objects.filter(pk=cast.acme_north.pk).update(stage="retired")
    with pytest.raises(EnrollTokenInvalid):
        enroll(token)
    with tenancy.scope([cast.acme.id]):
        assert EnrollmentToken.objects.get().used_at is None
