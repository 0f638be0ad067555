"""What travels over the notice socket. A notice is a hint; no configuration travels in one."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from edge_protocol import shapes
from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.messages import Heartbeat, HeartbeatAnswer, Request
from edge_protocol.shapes import Message, integer

PROTOCOL = 1
MAX_FRAME_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(Message):
    """`version` is the desired one, 0 before the first."""

    type: ClassVar[str] = "hello"
    protocol: Annotated[int, integer(1)]
    version: Annotated[int, integer(0)]
    ping_seconds: Annotated[int, integer(1, 3600)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigUpdated(Message):
    """`spread_seconds`: fetch after a random part of it."""

    type: ClassVar[str] = "config.updated"
    version: Annotated[int, integer(1)]
    digest: Annotated[str, shapes.digest]
    spread_seconds: Annotated[float, shapes.number] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustUpdated(Message):
    type: ClassVar[str] = "trust.updated"
    root_version: Annotated[int, integer(1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotate(Message):
    type: ClassVar[str] = "key.rotate"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestNotice(Request):
    type: ClassVar[str] = "request"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatFrame(Heartbeat):
    type: ClassVar[str] = "heartbeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatOk(HeartbeatAnswer):
    type: ClassVar[str] = "heartbeat.ok"


Notice = Hello | ConfigUpdated | TrustUpdated | KeyRotate | RequestNotice | HeartbeatFrame | HeartbeatOk

_KINDS: dict[str, type[Notice]] = {
    kind.type: kind
    for kind in (Hello, ConfigUpdated, TrustUpdated, KeyRotate, RequestNotice, HeartbeatFrame, HeartbeatOk)
}


def read_notice(value: JsonValue) -> Notice | None:
    """A frame's notice, or None for a type that this end does not know (it is ignored).

    Errors: MessageError for a frame without a type, or of a known type with the wrong shape.
    """
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise shapes.refuse(("type",), "the notice's type")
    kind = _KINDS.get(value["type"])
    return None if kind is None else kind.from_dict(value)  # type: ignore[return-value]


def frame(notice: Message, kind: str | None = None) -> JsonObject:
    """The frame of a notice; `kind` names the type of a message that has none (heartbeat, heartbeat.ok)."""
    return {"type": kind or getattr(type(notice), "type"), **notice.to_dict()}  # noqa: B009 - only some have one
