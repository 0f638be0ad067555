"""Heartbeats and events are filed as facts; each change of what runs is a row."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from edge_protocol.messages import Heartbeat
from edges import asking, health, tenancy
from edges.credentials import EdgePrincipal, authenticate_edge
from edges.models import EdgeEvent, EdgeHead, EdgeRequest, EdgeStatus, RunningChange
from tests.build import NOW, Cast, make_key

BOOT, OTHER_BOOT, THIRD_BOOT = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
A, B = "a" * 64, "b" * 64
MINUTE = timedelta(minutes=1)


@pytest.fixture
def principal(cast: Cast) -> EdgePrincipal:
    return authenticate_edge(make_key(cast.acme_north)[1], now=NOW)


def beat(
    principal: EdgePrincipal, version: int = 0, digest: str | None = None, **members: Any
) -> health.Filed:
    now = members.pop("now", NOW)
    published = members.pop("published", {1: A, 2: B})
    body = {"running": {"version": version, "digest": digest}, **members}
    return health.file_heartbeat(
        principal=principal,
        heartbeat=Heartbeat.from_dict(body),
        transport="http",
        now=now,
        digest_of=published.get,
    )


def status_of(principal: EdgePrincipal) -> EdgeStatus:
    with tenancy.scope([principal.organization_id]):
        return EdgeStatus.objects.get(pk=principal.edge_uid)


def desire(principal: EdgePrincipal, version: int, digest: str) -> None:
    with tenancy.scope([principal.organization_id]):
        EdgeHead.objects.update_or_create(
            edge_id=principal.edge_uid,
            organization_id=principal.organization_id,
            defaults={
                "version": version,
                "digest": digest,
                "etag": f'"{version}-{digest[:32]}"',
                "epoch": 1,
                "envelope": "e",
                "issued_at": NOW,
                "published_at": NOW,
            },
        )


def test_a_full_heartbeat_is_filed_whole(principal: EdgePrincipal) -> None:
    facts = {
        "highest_seen": 2,
        "last_known_good": 1,
        "phase": "probation",
        "staged": None,
        "last_attempt": {"version": 2, "status": "applied", "digest": B},
        "quarantine": [{"version": 1, "sections": {"alarms": A}, "code": "late_failure"}],
        "health": {"core_cycle": {"ok": True}},
        "sync": {"polls_ok": 3},
        "schemas": ["ems-config/1"],
        "capabilities": {"socket": True},
        "hardware_id": "hw-1",
        "limits_digest": A,
        "agent_version": "1.2",
        "uptime_seconds": 12.5,
        "clock": {"synced": True, "offset_ms": 3},
    }
    hold = {"by": "technician", "reason": "works", "until": "2026-01-01T00:00:00Z"}
    filed = beat(principal, 2, B, boot_id=BOOT, seq=1, hold=hold, **facts)
    assert (filed.accepted, filed.report_full, filed.running_changed) == (True, False, True)
    status = status_of(principal)
    assert {name: getattr(status, name) for name in facts} == facts
    assert status.local_hold == hold
    assert (status.running_version, status.running_digest, status.seq) == (2, B, 1)
    assert (status.transport, status.last_heartbeat_at) == ("http", NOW)


def test_what_is_left_out_stays_and_null_clears(principal: EdgePrincipal) -> None:
    beat(principal, boot_id=BOOT, seq=1, agent_version="1.2", staged={"version": 2}, hardware_id="hw")
    beat(principal, boot_id=BOOT, seq=2, staged=None, hardware_id=None)
    status = status_of(principal)
    assert (status.agent_version, status.staged, status.hardware_id) == ("1.2", None, "")


@pytest.mark.parametrize(
    ("boot", "seq", "accepted", "report_full"),
    [
        (BOOT, 6, True, False),
        (BOOT, 7, True, True),  # a gap
        (BOOT, 5, False, False),  # the same again
        (BOOT, 1, False, False),  # an old one
        (THIRD_BOOT, 1, True, False),  # a new boot, whose first is full
        (THIRD_BOOT, 2, True, True),  # a boot that is not known
        (OTHER_BOOT, 9, False, False),  # from before the agent started anew
    ],
)
def test_boot_and_sequence_decide(
    principal: EdgePrincipal, boot: str, seq: int, accepted: bool, report_full: bool
) -> None:
    beat(principal, boot_id=OTHER_BOOT, seq=1)
    beat(principal, boot_id=BOOT, seq=5)
    filed = beat(principal, 1, A, boot_id=boot, seq=seq)
    assert (filed.accepted, filed.report_full) == (accepted, report_full)
    assert status_of(principal).running_version == (1 if accepted else 0)


def test_a_heartbeat_without_a_number_stands_for_itself(principal: EdgePrincipal) -> None:
    beat(principal, boot_id=BOOT, seq=5)
    assert beat(principal, 1, A).accepted
    assert status_of(principal).seq == 5


def test_an_old_heartbeat_changes_nothing(principal: EdgePrincipal) -> None:
    beat(principal, 1, A, boot_id=BOOT, seq=2)
    beat(principal, 2, B, boot_id=BOOT, seq=1, now=NOW + MINUTE)
    status = status_of(principal)
    assert (status.running_version, status.last_heartbeat_at) == (1, NOW)


def test_every_change_of_what_runs_is_a_row(principal: EdgePrincipal) -> None:
    failed = {"version": 2, "status": "rolled_back", "code": "watchdog"}
    for minute, (version, digest, attempt) in enumerate(
        [(1, A, None), (1, A, None), (2, B, {"version": 2, "status": "applied"}), (1, A, failed)]
    ):
        beat(principal, version, digest, last_attempt=attempt, now=NOW + minute * MINUTE)
    with tenancy.scope([principal.organization_id]):
        rows = RunningChange.objects.order_by("at").values_list(
            "from_version", "to_version", "from_digest", "to_digest", "code", "at"
        )
        assert list(rows) == [
            (0, 1, None, A, "", NOW),
            (1, 2, A, B, "", NOW + 2 * MINUTE),
            (2, 1, B, A, "watchdog", NOW + 3 * MINUTE),
        ]


@pytest.mark.parametrize(
    ("version", "digest", "drifted"),
    [
        (2, B, False),  # what is desired
        (2, A, True),  # its number, other content
        (1, A, False),  # an older version as it was published
        (1, B, True),
        (9, B, True),  # a version that was never published
        (0, None, False),  # never configured
        (2, None, False),  # nothing is known of the content
    ],
)
def test_drift_is_other_content_than_the_versions(
    principal: EdgePrincipal, version: int, digest: str | None, drifted: bool
) -> None:
    desire(principal, 2, B)
    beat(principal, version, digest)
    assert status_of(principal).drifted is drifted


def test_a_heartbeat_that_tells_nothing_new_asks_little(principal: EdgePrincipal) -> None:
    beat(principal, 1, A, boot_id=BOOT, seq=1)
    with CaptureQueriesContext(connection) as queries:
        filed = beat(principal, 1, A, boot_id=BOOT, seq=2)
    # savepoint, scope, status with edge and head, update, scope back, release
    assert len(queries) == 6
    assert not filed.running_changed


def event(**members: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "seq": 1, "type": "transition", "at": "2026-01-01T00:00:00Z", **members}


def test_an_event_is_stored_once(principal: EdgePrincipal) -> None:
    first, second = event(version=2, code="x", detail="y", data={"k": [1]}), event(seq=2)
    answer = health.file_events(principal=principal, events=[first, second, first], now=NOW)
    assert (answer.accepted, answer.duplicate, answer.rejected) == (
        [first["id"], second["id"]],
        [first["id"]],
        [],
    )
    again = health.file_events(principal=principal, events=[second], now=NOW)
    assert (again.accepted, again.duplicate) == ([], [second["id"]])
    with tenancy.scope([principal.organization_id]):
        stored = EdgeEvent.objects.order_by("seq")
        assert [row.seq for row in stored] == [1, 2]
        assert (stored[0].version, stored[0].code, stored[0].detail, stored[0].data) == (
            2,
            "x",
            "y",
            {"k": [1]},
        )
        assert (stored[1].version, stored[1].code, stored[1].data) == (None, "", None)


@pytest.mark.parametrize(
    "bad", [None, 7, "x", [], {}, event(seq=0), event(id="x"), event(at="yesterday"), event(type="")]
)
def test_a_bad_event_is_rejected_alone(principal: EdgePrincipal, bad: Any) -> None:
    good = event()
    answer = health.file_events(principal=principal, events=[bad, good], now=NOW)
    assert answer.accepted == [good["id"]]
    assert [set(item) for item in answer.rejected] == [{"id", "code"}]


def test_unknown_types_are_stored(principal: EdgePrincipal) -> None:
    assert health.file_events(principal=principal, events=[event(type="weather")], now=NOW).accepted


def test_two_edges_may_use_the_same_event_id(principal: EdgePrincipal, cast: Cast) -> None:
    one = event()
    other = authenticate_edge(make_key(cast.birch_edge)[1], now=NOW)
    for who in (principal, other):
        assert health.file_events(principal=who, events=[one], now=NOW).accepted == [one["id"]]


def test_a_request_is_repeated_until_it_is_done(principal: EdgePrincipal, cast: Cast) -> None:
    with tenancy.scope([cast.acme.id]):
        made = asking.ask(edge=cast.acme_north, kind="sync", payload={"why": "x"}, now=NOW)
        assert asking.ask(edge=cast.acme_north, kind="sync", payload={"why": "x"}, now=NOW) == made
        assert [item.to_dict() for item in asking.open_for(cast.acme_north.pk, NOW)] == [
            {"id": str(made.pk), "kind": "sync", "why": "x"}
        ]
        assert asking.open_for(cast.acme_north.pk, NOW + asking.LONGEST) == []
    done = event(type="request_done", data={"request_id": str(made.pk)})
    health.file_events(principal=principal, events=[done], now=NOW)
    with tenancy.scope([cast.acme.id]):
        assert asking.open_for(cast.acme_north.pk, NOW) == []
        assert EdgeRequest.objects.get().outcome == "ok"


@pytest.mark.parametrize("data", [None, {}, {"request_id": 7}, {"request_id": "no uuid"}])
def test_a_request_done_that_names_nothing_ends_nothing(
    principal: EdgePrincipal, cast: Cast, data: Any
) -> None:
    with tenancy.scope([cast.acme.id]):
        asking.ask(edge=cast.acme_north, kind="sync", payload={}, now=NOW)
    assert health.file_events(
        principal=principal, events=[event(type="request_done", data=data)], now=NOW
    ).accepted
    with tenancy.scope([cast.acme.id]):
        assert len(asking.open_for(cast.acme_north.pk, NOW)) == 1


def test_a_foreign_edge_cannot_end_a_request(cast: Cast) -> None:
    with tenancy.scope([cast.acme.id]):
        made = asking.ask(edge=cast.acme_north, kind="sync", payload={}, now=NOW)
    south = authenticate_edge(make_key(cast.acme_south)[1], now=NOW)
    done = event(type="request_done", data={"request_id": str(made.pk)})
    health.file_events(principal=south, events=[done], now=NOW)
    with tenancy.scope([cast.acme.id]):
        assert EdgeRequest.objects.get().done_at is None
