"""Heartbeats and events over HTTP."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from edges import asking, tenancy
from edges.models import EdgeEvent, EdgeStatus
from tests import build
from tests.sync_api.conftest import Asker, Published
from tests.sync_api.test_authentication import problem

pytestmark = pytest.mark.django_db
RUNNING = {"running": {"version": 1, "digest": "ab" * 32}}


def status_of(asker: Asker) -> EdgeStatus:
    with tenancy.scope([asker.edge.organization_id]):
        return EdgeStatus.objects.get(pk=asker.edge.pk)


def test_the_smallest_heartbeat_is_answered(published: Published) -> None:
    answer = published.asker.post("heartbeat", RUNNING)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {
        "server_time",
        "desired",
        "next_poll_seconds",
        "next_heartbeat_seconds",
        "report_full",
        "rotate_key",
        "trust_root_version",
        "requests",
    }
    head = published.head
    assert body["desired"] == {"version": head.version, "etag": head.etag}
    assert body["server_time"].endswith("Z")
    assert status_of(published.asker).transport == "polling"


def test_a_never_configured_edge_may_beat(asker: Asker) -> None:
    answer = asker.post("heartbeat", {"running": {"version": 0, "digest": None}})
    assert (answer.status_code, answer.json()["desired"]) == (200, None)


def test_an_old_sequence_is_answered_and_ignored(published: Published) -> None:
    boot = str(uuid4())
    for seq, phase in ((2, "committed"), (1, "applying")):
        answer = published.asker.post("heartbeat", {**RUNNING, "boot_id": boot, "seq": seq, "phase": phase})
        assert answer.status_code == 200
    assert status_of(published.asker).phase == "committed"


def test_what_an_edge_is_asked_is_repeated_until_done(published: Published) -> None:
    asker = published.asker
    with tenancy.scope([asker.edge.organization_id]):
        asked = asking.ask(edge=asker.edge, kind="sync", payload={}, now=build.NOW)
    for _ in range(2):
        assert asker.post("heartbeat", RUNNING).json()["requests"] == [{"id": str(asked.pk), "kind": "sync"}]
    done = event(type="request_done", data={"request_id": str(asked.pk)})
    assert asker.post("events", {"events": [done]}).json()["accepted"] == [done["id"]]
    assert asker.post("heartbeat", RUNNING).json()["requests"] == []


def test_an_edge_speaks_for_itself_only(published: Published, django_assert_num_queries: Any) -> None:
    other = published.world.south_edge.edge_id
    for call, body in (("heartbeat", RUNNING), ("events", {"events": []})):
        answer = published.asker.client.post(
            f"/api/v1/edges/{other}/{call}",
            body,
            content_type="application/json",
            headers=published.asker.headers(),
        )
        assert problem(answer) == (403, "wrong_edge")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "/running"),
        ([], ""),
        ("text", ""),
        (None, ""),
        ({"running": {}}, "/running/version"),
        ({"running": {"version": "1"}}, "/running/version"),
        ({"running": {"version": -1, "digest": None}}, "/running/version"),
        ({"running": {"version": True, "digest": None}}, "/running/version"),
        ({**RUNNING, "boot_id": "x"}, "/boot_id"),
        ({**RUNNING, "seq": 0}, "/seq"),
        ({**RUNNING, "health": {"a": {}}}, "/health/a/ok"),
        ({**RUNNING, "clock": []}, "/clock"),
    ],
)
def test_a_wrong_shape_is_told_with_its_path(asker: Asker, body: Any, path: str) -> None:
    answer = asker.client.generic(
        "POST",
        asker.path("heartbeat"),
        json.dumps(body),
        content_type="application/json",
        headers=asker.headers(),
    )
    assert problem(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["path"] == path


def event(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "seq": 1, "type": "transition", "at": "2026-11-20T12:00:00Z", **more}


def test_events_are_stored_once_and_bad_ones_refused_alone(asker: Asker) -> None:
    good, unknown = event(), event(type="something.new", data={"a": [1]})
    bad, no_object = event(seq="x"), 7
    answer = asker.post("events", {"events": [good, bad, unknown, good, no_object]})
    assert answer.status_code == 200
    body = answer.json()
    assert body["accepted"] == [good["id"], unknown["id"]]
    assert body["duplicate"] == [good["id"]]
    assert [each["id"] for each in body["rejected"]] == [bad["id"], None]
    again = asker.post("events", {"events": [good]}).json()
    assert again == {"accepted": [], "duplicate": [good["id"]], "rejected": []}
    with tenancy.scope([asker.edge.organization_id]):
        assert EdgeEvent.objects.filter(edge=asker.edge).count() == 2


@pytest.mark.parametrize("body", [{}, {"events": {}}, {"events": [event()] * 101}, []])
def test_what_is_no_list_of_at_most_100_events_is_refused(asker: Asker, body: Any) -> None:
    assert problem(asker.post("events", body)) == (422, "invalid")


def test_bodies_over_their_caps_are_refused(asker: Asker) -> None:
    for call, cap in (("heartbeat", 64), ("events", 256), ("keys/rotate", 16)):
        body = {"pad": "x" * cap * 1024}
        assert problem(asker.post(call, body)) == (413, "body_too_large"), call


def test_query_counts_of_reports(published: Published, django_assert_num_queries: Any) -> None:
    asker, boot = published.asker, str(uuid4())
    asker.post("heartbeat", {**RUNNING, "boot_id": boot, "seq": 1})  # leases, and the document's tempo
    # 1 edge_poll; savepoint, tenant;
    # 1 status with edge and head, locked (in a savepoint), 1 write of it; 1 open requests; 1 newest root;
    # tenant back, release
    with django_assert_num_queries(11):
        asker.post("heartbeat", {**RUNNING, "boot_id": boot, "seq": 2})
    # 1 edge_poll; savepoint, tenant, 1 insert of all events, tenant back, release
    for number in (1, 50):
        with django_assert_num_queries(6):
            asker.post("events", {"events": [event() for _ in range(number)]})


def test_a_heartbeat_is_noted_with_its_time(published: Published) -> None:
    published.asker.post("heartbeat", RUNNING)
    at = status_of(published.asker).last_heartbeat_at
    assert at is not None
    assert at >= build.NOW - timedelta(seconds=1)
