"""What the document and a profile say about one device, ready for use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from edge_runtime.blocks import Block, blocks_of

SET_POINT: Final = "SetActivePower"


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """What the document and the profile say about one device, ready for use."""

    device_id: str
    role: str
    host: str
    bus: str
    connection: Mapping[str, Any]
    fast: tuple[Block, ...]
    slow: tuple[Block, ...]
    points: Mapping[str, Mapping[str, Any]]
    base_address: int | None
    word_order: str
    request_gap_s: float
    invalidate_after: int
    expect_serial: str | None
    limits: Mapping[str, Any]
    safe_writes: tuple[tuple[str, float], ...]
    reversion: tuple[str, float] | None
    entry: Mapping[str, Any] = field(compare=False, repr=False)
    profile: Mapping[str, Any] = field(compare=False, repr=False)

    def is_but_for_limits(self, other: DeviceSettings) -> bool:
        """Whether the same connection and points are meant: limits are the controllers' affair alone."""
        return replace(self, limits=other.limits) == other

    @property
    def takes_set_points(self) -> bool:
        return self.points.get(SET_POINT, {}).get("access") == "RW"

    @property
    def can_be_let_go(self) -> bool:
        """Whether a set-point ends by itself, or can be ended (E08)."""
        return self.reversion is not None or bool(self.safe_writes)

    @property
    def switches(self) -> frozenset[str]:
        """The outputs of an i/o device that can be switched: coils, and its safe state has them off."""
        if self.role != "io":
            return frozenset()
        off = {name for name, value in self.safe_writes if value == 0}
        return frozenset(
            name
            for name, point in self.points.items()
            if point["fc"] == 1 and point["access"] == "RW" and name in off
        )

    @property
    def can_be_driven(self) -> bool:
        return self.takes_set_points or bool(self.switches)

    @property
    def control(self) -> tuple[Any, ...]:
        """What decides who is written to and how it is left safe: where it differs, another one is meant."""
        driven = [self.points.get(name) for name in (SET_POINT, *sorted(self.switches))]
        unit_id = self.connection["unit_id"]
        return (self.bus, unit_id, self.expect_serial, driven, self.safe_writes, self.reversion)

    @property
    def signs(self) -> tuple[Any, ...]:
        """What decides whose power is meant, and with which sign."""
        return (self.role, self.control, self.points)


def settings_of(entry: Mapping[str, Any], profile: Mapping[str, Any]) -> DeviceSettings:
    """One entry of `modbus_devices` (defaults filled in) read together with its profile."""
    connection = entry["connection"]
    points = {point["name"]: point for point in profile["points"]}
    reversion = profile.get("reversion")
    return DeviceSettings(
        device_id=entry["device_id"],
        role=entry["role"],
        host=host_of(connection),
        bus=_bus(connection),
        connection=connection,
        fast=blocks_of(entry["poll_groups"]["fast"], points),
        slow=blocks_of(entry["poll_groups"]["slow"], points),
        points=points,
        base_address=profile.get("base_address"),
        word_order=profile["word_order"],
        request_gap_s=connection["min_request_gap_ms"] / 1000,
        invalidate_after=connection["invalidate_after_errors"],
        expect_serial=entry.get("expect_serial"),
        limits=entry.get("limits", {}),
        safe_writes=tuple((write["point"], write["value"]) for write in profile.get("safe_writes", ())),
        reversion=(reversion["point"], reversion["seconds"]) if reversion else None,
        entry=entry,
        profile=profile,
    )


def host_of(connection: Mapping[str, Any]) -> str:
    """What local limits judge; a serial line of this machine has no host."""
    return "" if connection["protocol"] == "rtu" else str(connection["host"])


def _bus(connection: Mapping[str, Any]) -> str:
    if connection["protocol"] == "rtu":
        return str(connection["serial"]["device"])
    return f"{connection['host']}:{connection['port']}"
