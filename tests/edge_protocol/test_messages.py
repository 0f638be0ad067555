"""Bodies and notices of the wire: read as they were written, refused where they are wrong."""

from typing import Any

import pytest
from hypothesis import given

from edge_protocol import messages, notices
from edge_protocol.errors import DocumentError, MessageError
from edge_protocol.notices import frame, read_notice
from edge_protocol.pointers import MISSING
from edge_protocol.shapes import Message
from tests.edge_protocol.build import EDGE_UID, ORG_UID, key, values

DIGEST = "ab" * 32
AT = "2026-02-15T10:30:00Z"

HEARTBEAT: dict[str, Any] = {
    "boot_id": EDGE_UID,
    "seq": 7,
    "running": {"version": 42, "digest": DIGEST},
    "highest_seen": 43,
    "last_known_good": 42,
    "phase": "rolled_back",
    "staged": None,
    "last_attempt": {
        "version": 43,
        "digest": DIGEST,
        "status": "rolled_back",
        "code": "controller_init_failed",
        "detail": "controller init failed",
        "log": "...",
        "at": AT,
        "attempts": 2,
    },
    "quarantine": [{"version": 43, "sections": {"scheduler": DIGEST, "sync": None}, "code": "x"}],
    "hold": {"by": "local", "reason": "work on site", "until": AT},
    "health": {"runtime": {"ok": True, "detail": ""}},
    "sync": {
        "polls_scheduled": 3,
        "polls_ok": 2,
        "polls_failed": 1,
        "transport": "websocket",
        "last_sync_at": AT,
    },
    "schemas": ["ems-config/1"],
    "capabilities": {"window": True},
    "hardware_id": "hw-1",
    "limits_digest": DIGEST,
    "agent_version": "0.1.0",
    "uptime_seconds": 12.5,
    "clock": {"synced": True, "offset_ms": -3},
}
ANSWER: dict[str, Any] = {
    "server_time": AT,
    "desired": {"version": 44, "etag": '"44-abc"'},
    "next_poll_seconds": 300,
    "next_heartbeat_seconds": 60,
    "report_full": False,
    "rotate_key": False,
    "trust_root_version": 1,
    "requests": [{"id": "1", "kind": "apply", "version": 44}],
}
BODIES: list[tuple[type[Message], dict[str, Any]]] = [
    (messages.Heartbeat, HEARTBEAT),
    (messages.Heartbeat, {"running": {"version": 0, "digest": None}}),
    (messages.HeartbeatAnswer, ANSWER),
    (messages.HeartbeatAnswer, {**ANSWER, "desired": None, "requests": []}),
    (
        messages.EnrollRequest,
        {
            "token": "emsn_x",
            "nonce": "12345678",
            "agent_version": "1",
            "schemas": ["ems-config/1"],
            "hardware_id": None,
        },
    ),
    (
        messages.EnrollAnswer,
        {
            "edge_id": "a1",
            "edge_uid": EDGE_UID,
            "org_uid": ORG_UID,
            "key_id": "k",
            "key": "emse_k",
            "trust_root": {"root_version": 1, "sha256": DIGEST},
        },
    ),
    (messages.Event, {"id": EDGE_UID, "seq": 1, "type": "transition", "at": AT}),
    (
        messages.Event,
        {
            "id": EDGE_UID,
            "seq": 1,
            "type": "request_done",
            "at": AT,
            "version": 3,
            "code": "c",
            "detail": "d",
            "data": {"request_id": "1"},
        },
    ),
    (messages.EventsRequest, {"events": [{"anything": 1}, 5]}),
    (
        messages.EventsAnswer,
        {"accepted": ["a"], "duplicate": [], "rejected": [{"id": "x", "code": "invalid"}]},
    ),
    (messages.KeyRotated, {"key_id": "k", "key": "emse_k", "old_key_expires_at": AT}),
    (messages.ConfigDocument, {"version": 1, "timestamp": AT, "edge_id": "a1", "alarms": [], "sync": {}}),
    (
        messages.ConfigDelta,
        {
            "from_version": 1,
            "version": 2,
            "timestamp": AT,
            "edge_id": "a1",
            "changed": {"sync": {}},
            "removed": ["extensions"],
        },
    ),
    (messages.Bundle, {"document": {"version": 1}, "manifest": {"payload": ""}, "roots": [{}]}),
]


@pytest.mark.parametrize(("kind", "body"), BODIES, ids=lambda one: getattr(one, "__name__", ""))
def test_a_body_is_written_as_it_was_read(kind: type[Message], body: dict[str, Any]) -> None:
    assert kind.from_dict(body).to_dict() == body


@pytest.mark.parametrize(("kind", "body"), BODIES, ids=lambda one: getattr(one, "__name__", ""))
def test_a_newer_ends_members_do_no_harm(kind: type[Message], body: dict[str, Any]) -> None:
    if kind is not messages.ConfigDocument:
        assert kind.from_dict({**body, "new_in_version_9": 1}).to_dict() == body


WRONG: list[tuple[type[Message], dict[str, Any], dict[str, Any], str]] = [
    (messages.Heartbeat, HEARTBEAT, {"running": None}, "/running"),
    (messages.Heartbeat, HEARTBEAT, {"running": {}}, "/running/version"),
    (messages.Heartbeat, HEARTBEAT, {"running": {"version": -1}}, "/running/version"),
    (messages.Heartbeat, HEARTBEAT, {"running": {"version": 1, "digest": "x"}}, "/running/digest"),
    (messages.Heartbeat, HEARTBEAT, {"boot_id": "1"}, "/boot_id"),
    (messages.Heartbeat, HEARTBEAT, {"seq": 0}, "/seq"),
    (messages.Heartbeat, HEARTBEAT, {"seq": True}, "/seq"),
    (messages.Heartbeat, HEARTBEAT, {"phase": 5}, "/phase"),
    (messages.Heartbeat, HEARTBEAT, {"staged": {"until": AT}}, "/staged/version"),
    (messages.Heartbeat, HEARTBEAT, {"last_attempt": {"version": 1}}, "/last_attempt/status"),
    (
        messages.Heartbeat,
        HEARTBEAT,
        {"quarantine": [{"version": 1, "sections": {"a/b": 5}}]},
        "/quarantine/0/sections/a~1b",
    ),
    (messages.Heartbeat, HEARTBEAT, {"health": {"x": {"ok": "yes"}}}, "/health/x/ok"),
    (messages.Heartbeat, HEARTBEAT, {"health": []}, "/health"),
    (messages.Heartbeat, HEARTBEAT, {"schemas": ["x"] * 33}, "/schemas"),
    (messages.Heartbeat, HEARTBEAT, {"uptime_seconds": "1"}, "/uptime_seconds"),
    (messages.Heartbeat, HEARTBEAT, {"clock": {"offset_ms": True}}, "/clock/offset_ms"),
    (messages.HeartbeatAnswer, ANSWER, {"server_time": "now"}, "/server_time"),
    (messages.HeartbeatAnswer, ANSWER, {"requests": [{"id": "1"}]}, "/requests/0/kind"),
    (messages.HeartbeatAnswer, ANSWER, {"desired": {"version": 1}}, "/desired/etag"),
    (messages.EventsRequest, {}, {"events": [1] * 101}, "/events"),
    (messages.EventsRequest, {}, {}, "/events"),
    (messages.Event, {"id": EDGE_UID, "seq": 1, "type": "t"}, {"at": 5}, "/at"),
    (messages.Event, {"seq": 1, "type": "t", "at": AT}, {"id": "not-a-uuid"}, "/id"),
]


@pytest.mark.parametrize(("kind", "body", "change", "path"), WRONG)
def test_what_is_wrong_is_named_by_its_pointer(
    kind: type[Message], body: dict[str, Any], change: dict[str, Any], path: str
) -> None:
    with pytest.raises(MessageError) as caught:
        kind.from_dict({**body, **change})
    assert (caught.value.code, caught.value.path) == ("invalid", path)


@given(values)
def test_any_value_is_read_or_refused(value: Any) -> None:
    for kind in (messages.Heartbeat, messages.ConfigDelta, messages.Event, messages.EnrollRequest):
        try:
            kind.from_dict(value)
        except DocumentError:
            continue


def test_left_out_and_null_are_told_apart() -> None:
    sparse = messages.Heartbeat.from_dict({"running": {"version": 1}, "staged": None})
    assert sparse.staged is None
    assert sparse.hold is MISSING
    assert messages.present(sparse.hold, "as before") == "as before"
    assert messages.present(sparse.staged, "as before") is None


FRAMES: list[dict[str, Any]] = [
    {"type": "hello", "protocol": 1, "version": 0, "ping_seconds": 30},
    {"type": "config.updated", "version": 44, "digest": DIGEST, "spread_seconds": 0},
    {"type": "trust.updated", "root_version": 3},
    {"type": "key.rotate"},
    {"type": "request", "id": "1", "kind": "sync", "why": "asked"},
    {"type": "heartbeat", **HEARTBEAT},
    {"type": "heartbeat.ok", **ANSWER},
]


@pytest.mark.parametrize("written", FRAMES, ids=lambda one: one["type"])
def test_a_notice_is_written_as_it_was_read(written: dict[str, Any]) -> None:
    notice = read_notice(written)
    assert notice is not None
    assert frame(notice) == written


def test_an_unknown_notice_is_ignored_and_a_shapeless_one_refused() -> None:
    assert read_notice({"type": "weather"}) is None
    for wrong in (5, {}, {"type": 5}, {"type": "hello"}, {"type": "config.updated", "version": 1}):
        with pytest.raises(MessageError):
            read_notice(wrong)


def test_a_message_without_a_type_gets_one_in_its_frame() -> None:
    heartbeat = messages.Heartbeat.from_dict(HEARTBEAT)
    assert frame(heartbeat, "heartbeat") == {"type": "heartbeat", **HEARTBEAT}
    assert isinstance(read_notice(frame(heartbeat, "heartbeat")), notices.HeartbeatFrame)


def test_secrets_stay_out_of_what_is_logged() -> None:
    secret = key(1)[0]
    request = messages.EnrollRequest(token=secret, nonce="12345678", agent_version="1", schemas=[])
    answer = messages.KeyRotated(key_id="k", key=secret, old_key_expires_at=AT)
    assert secret not in repr(request)
    assert secret not in repr(answer)
