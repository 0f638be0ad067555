"""A thief with an edge's key: what revoking must take from him, and what he may fill or break until then."""

import json
import secrets
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from configs.models import Quarantine
from edges import credentials, keys, tenancy
from edges.errors import Unauthenticated
from tests import build
from tests.console.conftest import Caller

pytestmark = pytest.mark.django_db
EDGE = "/api/v1/edges/acme-north-1"
HUGE = 1e300


def call(method: str, path: str, text: str, body: Any = None) -> Any:
    data = json.dumps({} if body is None else body).encode()
    client = Client(raise_request_exception=False)
    return client.generic(
        method, f"{EDGE}/{path}", data, content_type="application/json", headers={"X-API-Key": text}
    )


def revoke(cast: build.Cast, key_id: str) -> None:
    with tenancy.scope([cast.acme.pk]):
        keys.revoke(
            edge=cast.acme_north,
            key_id=key_id,
            by="alice",
            reason="leaked",
            cut_off=True,
            now=datetime.now(UTC),
        )


def test_the_candidate_that_a_thief_asked_for_dies_with_the_key(cast: build.Cast) -> None:
    key, stolen = build.make_key(cast.acme_north)
    candidate = call("POST", "keys/rotate", stolen).json()["key"]
    revoke(cast, key.key_id)
    assert [call("GET", "config", text).status_code for text in (stolen, candidate)] == [401, 401]


def test_a_rotation_that_waited_while_its_key_was_revoked_gives_nothing(cast: build.Cast) -> None:
    key, stolen = build.make_key(cast.acme_north)
    principal = credentials.authenticate_edge(stolen, now=datetime.now(UTC))
    revoke(cast, key.key_id)
    with pytest.raises(Unauthenticated):
        keys.rotate(principal=principal, now=datetime.now(UTC), random_bytes=secrets.token_bytes)


def test_new_hardware_keeps_its_key_when_the_old_one_is_revoked(cast: build.Cast) -> None:
    key, _ = build.make_key(cast.acme_north)
    with tenancy.scope([cast.acme.pk]):
        _, text = keys.make(
            edge=cast.acme_north,
            now=build.NOW,
            random_bytes=secrets.token_bytes,
            pending=True,
            replaces=key,
            replaces_hardware=True,
        )
    revoke(cast, key.key_id)
    assert call("GET", "config", text).status_code == 404  # in, and nothing is published yet


def test_a_number_that_no_integer_holds_breaks_no_page_of_the_operators(
    published: build.Cast, alice: Caller
) -> None:
    """It comes back from the database as an integer of 301 digits."""
    _, stolen = build.make_key(published.acme_north)
    beat = {"running": {"version": 1}, "clock": {"offset_ms": HUGE}, "capabilities": {"x": [{"y": -HUGE}]}}
    event = {"id": str(uuid4()), "seq": 1, "type": "alarm", "at": "2026-01-01T00:00:00Z", "data": {"x": HUGE}}
    assert call("POST", "heartbeat", stolen, beat).status_code == 200
    assert call("POST", "events", stolen, {"events": [event]}).status_code == 200
    status = alice("GET", "/edges/acme-north-1/status")
    assert (status.status_code, status.json()["clock"]) == (200, {"offset_ms": HUGE})
    events = alice("GET", "/organizations/acme/events")
    assert (events.status_code, events.json()["items"][0]["data"]) == (200, {"x": HUGE})


def test_quarantine_is_taken_of_published_versions_and_of_each_once(published: build.Cast) -> None:
    _, stolen = build.make_key(published.acme_north)
    refused = [{"version": version, "sections": {}} for version in (1, 1, 2, 2**53 - 1)]
    answer = call("POST", "heartbeat", stolen, {"running": {"version": 1}, "quarantine": refused})
    assert answer.status_code == 200
    with tenancy.scope([published.acme.pk]):
        assert list(Quarantine.objects.values_list("version", flat=True)) == [1]


# Texts of a heartbeat with the most characters that each may have.
LONGEST: dict[str, Any] = {
    "phase": 32,
    "agent_version": 64,
    "hardware_id": 256,
    "last_attempt": {"status": 64, "code": 64, "detail": 4096, "log": 16 * 1024},
    "hold": {"by": 256, "reason": 4096, "until": 64},
    "sync": {"transport": 64},
}


def said(longest: Any, more: int) -> Any:
    if isinstance(longest, dict):
        return {name: said(most, more) for name, most in longest.items()}
    return "x" * (longest + more)


@pytest.mark.parametrize("member", LONGEST)
def test_a_text_is_stored_at_its_longest_and_refused_beyond(published: build.Cast, member: str) -> None:
    _, stolen = build.make_key(published.acme_north)
    for more, status in ((0, 200), (1, 422)):
        value = said(LONGEST[member], more)
        value = {"version": 1, **value} if member == "last_attempt" else value
        answer = call("POST", "heartbeat", stolen, {"running": {"version": 1}, member: value})
        assert answer.status_code == status, answer.content
