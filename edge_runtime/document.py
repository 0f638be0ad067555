"""The document that the agent leaves for the runtime, read once and filled with defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge_protocol.canonical import parse
from edge_protocol.defaults import with_defaults
from edge_protocol.errors import ProtocolError

MOST_BYTES: Final = 4 * 1024 * 1024
USED_SECTIONS: Final = ("core_cycle", "scheduler", "modbus_devices", "profiles", "alarms")


class DocumentUnreadableError(Exception):
    """The file is missing, no document, or lacks a section that nothing can run without."""


@dataclass(frozen=True, slots=True)
class Document:
    """One version as it is to be run. `sections` carry their defaults; absent optional ones are left out."""

    version: int
    digest: str | None
    edge_id: str
    safe_mode: bool
    sections: Mapping[str, Any]

    @property
    def period_ms(self) -> int:
        return int(self.sections["core_cycle"]["period_ms"])

    @property
    def supervisor(self) -> Mapping[str, Any]:
        supervisor: Mapping[str, Any] = self.sections["core_cycle"]["supervisor"]
        return supervisor

    @property
    def devices(self) -> list[Mapping[str, Any]]:
        """The enabled ones, without what people call them: another name disturbs no device."""
        enabled = [device for device in self.sections["modbus_devices"] if device["enabled"]]
        return [{key: value for key, value in device.items() if key != "name"} for device in enabled]

    @property
    def controllers(self) -> list[Mapping[str, Any]]:
        return [] if self.safe_mode else list(self.sections["scheduler"]["controllers"])

    @property
    def profiles(self) -> Mapping[str, Any]:
        profiles: Mapping[str, Any] = self.sections.get("profiles", {})
        return profiles

    @property
    def alarms(self) -> list[Mapping[str, Any]]:
        return [alarm for alarm in self.sections["alarms"] if alarm["enabled"]]

    def differs(self, other: Document | None) -> tuple[str, ...]:
        """The sections that the runtime uses and that are not the same in the other document."""
        if other is None:
            return USED_SECTIONS
        changed = [name for name in USED_SECTIONS if self.sections.get(name) != other.sections.get(name)]
        if self.safe_mode != other.safe_mode and "scheduler" not in changed:
            changed.append("scheduler")
        return tuple(changed)


def read_document(path: Path) -> Document:
    """Read `document.json`. Errors: DocumentUnreadableError in one sentence."""
    try:
        body = parse(path.read_bytes(), max_bytes=MOST_BYTES)
    except OSError as error:
        raise DocumentUnreadableError(f"{path.name} cannot be read: {error.strerror}") from error
    except ProtocolError as error:
        raise DocumentUnreadableError(f"{path.name} is no document: {error}") from error
    return make_document(body)


def make_document(body: Any) -> Document:
    """A document from its parsed JSON. Errors: DocumentUnreadableError names the section that is missing."""
    if not isinstance(body, dict):
        raise DocumentUnreadableError("the document is not an object")
    safe_mode = body.get("safe_mode") is True
    given = dict(body)
    if safe_mode:
        given["scheduler"] = {"controllers": []}
    for name in ("core_cycle", "scheduler", "modbus_devices", "alarms"):
        if name not in given:
            raise DocumentUnreadableError(f"the document has no section {name}")
    return Document(
        version=int(given.get("version", 0)),
        digest=given.get("digest"),
        edge_id=str(given.get("edge_id", "")),
        safe_mode=safe_mode,
        sections=with_defaults(given),
    )
