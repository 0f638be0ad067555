"""One device of the document: polled block by block, undefined when it fails, written only when it may be."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Final

from edge_protocol.instants import format_instant
from edge_runtime.field import FieldDevice, UnreachableError

RETRY_STEP_S: Final = 2.0
RETRY_CAP_S: Final = 300.0
SET_POINT: Final = "SetActivePower"
MOST_REGISTERS: Final = 125

Block = tuple[str, ...]
"""The points that one request reads: those of one SunSpec model, or of one run of addresses."""


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
    request_gap_s: float
    invalidate_after: int
    expect_serial: str | None
    limits: Mapping[str, Any]
    safe_writes: tuple[tuple[str, float], ...]
    reversion: tuple[str, float] | None

    @property
    def takes_set_points(self) -> bool:
        return self.points.get(SET_POINT, {}).get("access") == "RW"


def settings_of(entry: Mapping[str, Any], profile: Mapping[str, Any]) -> DeviceSettings:
    """One entry of `modbus_devices` (defaults filled in) read together with its profile."""
    connection = entry["connection"]
    points = {point["name"]: point for point in profile["points"]}
    reversion = profile.get("reversion")
    return DeviceSettings(
        device_id=entry["device_id"],
        role=entry["role"],
        host=connection.get("host", ""),
        bus=_bus(connection),
        connection=connection,
        fast=_blocks(entry["poll_groups"]["fast"], points),
        slow=_blocks(entry["poll_groups"]["slow"], points),
        points=points,
        request_gap_s=connection["min_request_gap_ms"] / 1000,
        invalidate_after=connection["invalidate_after_errors"],
        expect_serial=entry.get("expect_serial"),
        limits=entry.get("limits", {}),
        safe_writes=tuple((write["point"], write["value"]) for write in profile.get("safe_writes", ())),
        reversion=(reversion["point"], reversion["seconds"]) if reversion else None,
    )


def _bus(connection: Mapping[str, Any]) -> str:
    if connection["protocol"] == "rtu":
        return str(connection["serial"]["device"])
    return f"{connection['host']}:{connection['port']}"


def _blocks(names: Sequence[str], points: Mapping[str, Mapping[str, Any]]) -> tuple[Block, ...]:
    blocks: dict[tuple[Any, ...], list[str]] = {}
    for name in names:
        point = points.get(name, {})
        place = ("sunspec", point["sunspec"]["model"]) if "sunspec" in point else _run(point)
        blocks.setdefault((point.get("fc"), *place), []).append(name)
    return tuple(tuple(block) for block in blocks.values())


def _run(point: Mapping[str, Any]) -> tuple[str, int]:
    return "address", point.get("address", 0) // MOST_REGISTERS


class Device:
    """Polls one field device; knows what it last said, whether it answers, and whether it may be written."""

    def __init__(self, settings: DeviceSettings, field: FieldDevice) -> None:
        self.settings = settings
        self._field = field
        self._pause = threading.Event()
        self._values: dict[str, float | None] = dict.fromkeys(chain(*settings.fast, *settings.slow))
        self._failures = self._errors = self._next_slow = 0
        self._retry_at_s = 0.0
        self._last_read_at: datetime | None = None
        self._identified = False
        self._serial_error: str | None = None
        self._trouble: str | None = "not read yet"

    @property
    def device_id(self) -> str:
        return self.settings.device_id

    @property
    def values(self) -> Mapping[str, float | None]:
        return self._values

    @property
    def answers(self) -> bool:
        return self._identified and self._failures == 0

    @property
    def refuses_writes(self) -> str | None:
        """Why nothing is written to it, or None."""
        return self._serial_error

    @property
    def power_rating(self) -> tuple[float, float] | None:
        rating = self._field.power_rating()
        return (rating.max_charge_watts, rating.max_discharge_watts) if rating else None

    def poll(self, now_s: float, now_at: datetime) -> None:
        """Read every fast block and one slow one, unless the device is being left alone after a failure."""
        if now_s < self._retry_at_s:
            return
        try:
            self._identify()
            for block in (*self.settings.fast, *self._slow_turn()):
                self._wait_for_the_bus()
                self._values |= {point: self._field.read(point) for point in block}
        except UnreachableError as error:
            self._failed(str(error), now_s)
        else:
            self._failures = 0
            self._last_read_at = now_at
            self._trouble = self._out_of_range()

    def write_power(self, watts: int) -> bool:
        """Send a set-point with its reversion time; False when the device may not be written or fails."""
        writes: list[tuple[str, float]] = [(SET_POINT, watts)]
        if self.settings.reversion is not None:
            writes.append(self.settings.reversion)
        return self._write(writes)

    def write_safe_state(self) -> bool:
        """The profile's safe writes, or 0 W; True when there is nothing that needs writing."""
        if self.settings.safe_writes:
            return self._write(list(self.settings.safe_writes))
        return self._write([(SET_POINT, 0.0)]) if self.settings.takes_set_points else True

    def health(self) -> dict[str, Any]:
        detail = self._serial_error or self._trouble
        return {
            "ok": self.answers and self._trouble is None,
            "last_read_at": format_instant(self._last_read_at) if self._last_read_at else None,
            "errors": self._errors,
            **({"detail": detail} if detail else {}),
        }

    def _identify(self) -> None:
        if self._identified:
            return
        expected = self.settings.expect_serial
        serial = self._field.serial()
        if expected is not None and serial != expected:
            self._serial_error = (
                f"{self.device_id} has serial {serial!r}, expected {expected!r}: nothing is written"
            )
        self._identified = True

    def _slow_turn(self) -> tuple[Block, ...]:
        slow = self.settings.slow
        if not slow:
            return ()
        self._next_slow = (self._next_slow + 1) % len(slow)
        return (slow[self._next_slow - 1],)

    def _write(self, writes: list[tuple[str, float]]) -> bool:
        if self._serial_error is not None:
            return False
        try:
            self._wait_for_the_bus()
            for point, value in writes:
                self._field.write(point, value)
        except UnreachableError as error:
            self._errors += 1
            self._trouble = str(error)
            return False
        return True

    def _wait_for_the_bus(self) -> None:
        if self.settings.request_gap_s:
            self._pause.wait(self.settings.request_gap_s)

    def _failed(self, why: str, now_s: float) -> None:
        self._failures += 1
        self._errors += 1
        self._retry_at_s = now_s + min(RETRY_STEP_S * self._failures, RETRY_CAP_S)
        self._trouble = why
        if self._failures >= self.settings.invalidate_after:
            self._values = dict.fromkeys(self._values)

    def _out_of_range(self) -> str | None:
        """A value outside its valid range is no value: it becomes undefined, and the device is not well."""
        wrong = None
        for point, value in self._values.items():
            low, high = (self.settings.points.get(point, {}).get(name) for name in ("valid_min", "valid_max"))
            if value is None or ((low is None or value >= low) and (high is None or value <= high)):
                continue
            wrong = f"{point} reads {value:g}, outside {low} to {high}"
            self._values[point] = None
        return wrong
