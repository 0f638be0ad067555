"""Every body on the wire but notices: frozen dataclasses that read and write themselves.

`from_dict` checks shape and raises MessageError (a DocumentError) with the member's pointer.
Source: wire protocol, "Edge calls".
"""

import re
from dataclasses import dataclass, field
from typing import Annotated, Any

from edge_protocol import shapes
from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.pointers import MISSING, Path
from edge_protocol.shapes import (
    Message,
    anything,
    instant,
    integer,
    items,
    mapping,
    members,
    nullable,
    text,
)

MAX_EVENTS = 100
MAX_LOG_CHARACTERS = 16 * 1024

_EDGE_ID = shapes.matching(re.compile(r"[a-z0-9][a-z0-9_-]{1,62}"), "an edge's id")
_SCHEMAS = items(text(64, 1), 32)
_VERSION = integer(0)
_WORD = text(64, 1)
_DETAIL = text(4096)

_STAGED = members({"version": _VERSION}, {"until": nullable(text(64))})
_LAST_ATTEMPT = members(
    {"version": _VERSION, "status": _WORD},
    {
        "digest": nullable(shapes.digest),
        "code": nullable(text(64)),
        "detail": nullable(_DETAIL),
        "log": nullable(text(MAX_LOG_CHARACTERS)),
        "at": nullable(instant),
        "attempts": integer(0),
    },
)
_QUARANTINE = members(
    {"version": _VERSION, "sections": mapping(nullable(shapes.digest), 64)}, {"code": nullable(text(64))}
)
_HOLD = members({}, {"by": nullable(text(256)), "reason": nullable(_DETAIL), "until": nullable(text(64))})
_HEALTH = mapping(members({"ok": shapes.boolean}, {"detail": nullable(_DETAIL)}), 256)
_SYNC = members(
    {},
    {
        "polls_scheduled": integer(0),
        "polls_ok": integer(0),
        "polls_failed": integer(0),
        "transport": nullable(_WORD),
        "last_sync_at": nullable(instant),
    },
)
_CLOCK = members({}, {"synced": nullable(shapes.boolean), "offset_ms": nullable(shapes.number)})


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollRequest(Message):
    token: Annotated[str, text(128, 1)] = field(repr=False)
    nonce: Annotated[str, text(128, 8)]
    agent_version: Annotated[str, text(64)]
    schemas: Annotated[list[str], _SCHEMAS]
    hardware_id: Annotated[str | None, nullable(text(256))] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPin(Message):
    """What an enrollment pins: the number of a root and the hex SHA-256 of its canonical payload."""

    root_version: Annotated[int, integer(1)]
    sha256: Annotated[str, shapes.digest]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollAnswer(Message):
    edge_id: Annotated[str, _EDGE_ID]
    edge_uid: Annotated[str, shapes.uuid]
    org_uid: Annotated[str, shapes.uuid]
    key_id: Annotated[str, text(64, 1)]
    key: Annotated[str, text(128, 1)] = field(repr=False)
    trust_root: Annotated[TrustPin, shapes.message(TrustPin)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(Message):
    """What an edge runs; version 0 with no digest before the first."""

    version: Annotated[int, _VERSION]
    digest: Annotated[str | None, nullable(shapes.digest)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat(Message):
    """Only `running` is required. MISSING = "as in the heartbeat before"; None = "there is none"."""

    running: Annotated[Running, shapes.message(Running)]
    boot_id: Annotated[str, shapes.uuid] = MISSING
    seq: Annotated[int, integer(1)] = MISSING
    highest_seen: Annotated[int | None, nullable(_VERSION)] = MISSING
    last_known_good: Annotated[int | None, nullable(_VERSION)] = MISSING
    phase: Annotated[str, text(32, 1)] = MISSING
    staged: Annotated[JsonObject | None, nullable(_STAGED)] = MISSING
    last_attempt: Annotated[JsonObject | None, nullable(_LAST_ATTEMPT)] = MISSING
    quarantine: Annotated[list[JsonObject], items(_QUARANTINE, 64)] = MISSING
    hold: Annotated[JsonObject | None, nullable(_HOLD)] = MISSING
    health: Annotated[JsonObject, _HEALTH] = MISSING
    sync: Annotated[JsonObject, _SYNC] = MISSING
    schemas: Annotated[list[str], _SCHEMAS] = MISSING
    capabilities: Annotated[JsonObject, mapping(anything, 64)] = MISSING
    hardware_id: Annotated[str | None, nullable(text(256))] = MISSING
    limits_digest: Annotated[str | None, nullable(shapes.digest)] = MISSING
    agent_version: Annotated[str, text(64)] = MISSING
    uptime_seconds: Annotated[float, shapes.number] = MISSING
    clock: Annotated[JsonObject, _CLOCK] = MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Message):
    """Something the cloud asks of an edge until an event `request_done` names its id; `details` by kind."""

    id: Annotated[str, text(64, 1)]
    kind: Annotated[str, _WORD]
    details: Annotated[JsonObject, mapping(anything, 64)] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, value: JsonValue, path: Path = ()) -> "Request":
        read = members({"id": text(64, 1), "kind": _WORD})(value, path)
        rest = {name: member for name, member in read.items() if name not in ("id", "kind", "type")}
        return cls(id=read["id"], kind=read["kind"], details=rest)

    def to_dict(self) -> JsonObject:
        return {**self.details, "id": self.id, "kind": self.kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired(Message):
    """`etag` as in the header, quotes included."""

    version: Annotated[int, integer(1)]
    etag: Annotated[str, text(128, 2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatAnswer(Message):
    server_time: Annotated[str, instant]
    desired: Annotated[Desired | None, nullable(shapes.message(Desired))] = None
    next_poll_seconds: Annotated[float | None, nullable(shapes.number)] = None
    next_heartbeat_seconds: Annotated[float | None, nullable(shapes.number)] = None
    report_full: Annotated[bool, shapes.boolean] = False
    rotate_key: Annotated[bool, shapes.boolean] = False
    trust_root_version: Annotated[int | None, nullable(integer(1))] = None
    requests: Annotated[list[Request], items(shapes.message(Request), 64)] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Message):
    """`id` makes it idempotent, `seq` counts for the edge's life; unknown types are stored too."""

    id: Annotated[str, shapes.uuid]
    seq: Annotated[int, integer(1)]
    type: Annotated[str, _WORD]
    at: Annotated[str, instant]
    version: Annotated[int | None, nullable(_VERSION)] = MISSING
    code: Annotated[str | None, nullable(text(64))] = MISSING
    detail: Annotated[str | None, nullable(text(MAX_LOG_CHARACTERS))] = MISSING
    data: Annotated[JsonObject | None, nullable(mapping(anything, 256))] = MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsRequest(Message):
    """The events as they came: each is read by itself with `Event.from_dict`, so that one bad one is
    rejected alone."""

    events: Annotated[list[JsonValue], items(anything, MAX_EVENTS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsAnswer(Message):
    """Ids of the events that were stored, of those stored before, and {"id", "code"} of the others."""

    accepted: Annotated[list[str], items(text(64), MAX_EVENTS)]
    duplicate: Annotated[list[str], items(text(64), MAX_EVENTS)]
    rejected: Annotated[list[JsonObject], items(members({"id": anything, "code": _WORD}), MAX_EVENTS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotated(Message):
    key_id: Annotated[str, text(64, 1)]
    key: Annotated[str, text(128, 1)] = field(repr=False)
    old_key_expires_at: Annotated[str, instant]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDocument(Message):
    """The body of a full fetch: the sections beside version, timestamp and edge_id."""

    version: Annotated[int, integer(1)]
    timestamp: Annotated[str, instant]
    edge_id: Annotated[str, _EDGE_ID]
    sections: Annotated[dict[str, JsonValue], mapping(anything, 64)] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, value: JsonValue, path: Path = ()) -> "ConfigDocument":
        own: dict[str, shapes.Check] = {"version": integer(1), "timestamp": instant, "edge_id": _EDGE_ID}
        read = members(own)(value, path)
        sections = {name: member for name, member in read.items() if name not in own}
        return cls(**{name: read[name] for name in own}, sections=sections)

    def to_dict(self) -> JsonObject:
        own: dict[str, Any] = {
            "version": self.version,
            "timestamp": self.timestamp,
            "edge_id": self.edge_id,
        }
        return {**own, **self.sections}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDelta(Message):
    """The body of a delta fetch; believed only through `delta.take_in`."""

    from_version: Annotated[int, _VERSION]
    version: Annotated[int, integer(1)]
    timestamp: Annotated[str, instant]
    edge_id: Annotated[str, _EDGE_ID]
    changed: Annotated[dict[str, JsonValue], mapping(anything, 64)]
    removed: Annotated[list[str], items(text(64, 1), 64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle(Message):
    """A version on a stick: the full document, its manifest's envelope, and the trust roots 1..n."""

    document: Annotated[JsonObject, mapping(anything, 64)]
    manifest: Annotated[JsonObject, mapping(anything, 8)]
    roots: Annotated[list[JsonObject], items(mapping(anything, 8), 256)]


def present(value: Any, fallback: Any = None) -> Any:
    """A member, or the fallback where the message left it out."""
    return fallback if value is MISSING else value
