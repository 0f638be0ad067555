"""The site file: what stands behind each device of the document where no Modbus is spoken.

```
{"house": {"recording": "konstanz_residential4",
           "start_at": "2016-03-02T09:30:00Z", "load_scale": 1.0, "pv_scale": 1.0},
 "devices": {
   "bms_main":    {"kind": "battery", "serial": "BMS-0001", "capacity_wh": 13500, "max_charge_w": 5000,
                   "max_discharge_w": 5000, "round_trip_efficiency": 0.9, "initial_soc": 60},
   "meter_grid":  {"kind": "grid_meter", "serial": "MTR-0001"},
   "inverter_pv": {"kind": "pv_inverter", "serial": "PV-0001"},
   "relay_main":  {"kind": "relay"}}}
```

`recording` is one of the shipped ones (`data/*.csv`) or the name of a file beside the site file; `start_at`,
an instant of the recording, is where the house begins (default: the recording's start). A house may also be
constant: `{"load_w": 3000, "pv_w": 0}`. Every device may have `absent` (true: it never answers), `answer_ms`
(how long each of its answers really takes), `reverts_after_s` (a battery: without a new set-point for so long
it goes back to 0 W) and `defect`, a fault to rehearse: `{"kind": "crash" | "hang" | "exit", "after_s": 30}`.
A `relay` keeps what it is switched to; nothing hangs on it.
A device of the document that is not in this file is absent. `modbus` says how a device looks on the wire
(`simulated/faces.py`); without Modbus it is not looked at.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from edge_protocol.instants import parse_instant
from edge_runtime.battery import BatteryRating
from edge_runtime.recording import SHIPPED, Moment, Recording, read_recording

KINDS: Final = ("battery", "grid_meter", "pv_inverter", "consumption_meter", "relay")
DEFECTS: Final = ("crash", "hang", "exit")
PROTOCOLS: Final = ("tcp", "rtu_over_tcp", "rtu")


class SiteError(Exception):
    """A site file that cannot be read: which member, and why."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A fault that the device's driver shows after so many seconds."""

    kind: str
    after_s: float


@dataclass(frozen=True, slots=True)
class ModbusFace:
    """How a device looks on the wire: its profile, where a document reaches it, where it really listens."""

    profile: str
    protocol: str
    host: str
    port: int
    unit_id: int
    line: str
    base_address: int
    listen: int


@dataclass(frozen=True, slots=True)
class SiteDevice:
    """What answers for one device of the document."""

    kind: str
    serial: str
    absent: bool
    answer_ms: float
    reverts_after_s: float
    defect: Defect | None
    battery: BatteryRating | None
    initial_soc: float
    modbus: ModbusFace | None = None


@dataclass(frozen=True, slots=True)
class HouseSource:
    """Where use and production come from: a recording with its start and scales."""

    recording: Recording
    start_at: datetime
    load_scale: float
    pv_scale: float

    def at(self, moment_at: datetime) -> Moment:
        moment = self.recording.at(moment_at)
        return Moment(moment.load_watts * self.load_scale, moment.pv_watts * self.pv_scale)


@dataclass(frozen=True, slots=True)
class Site:
    """A whole site file."""

    house: HouseSource
    devices: Mapping[str, SiteDevice]


def read_site(path: Path) -> Site:
    """Read a site file. Errors: SiteError with the member's pointer; OSError when there is no file."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SiteError(f"{path}: not JSON: {error}") from error
    top = _Members(body, "")
    top.only("house", "devices")
    return Site(
        house=_house(top.inner("house"), path.parent),
        devices={name: _device(members) for name, members in top.inner("devices").each()},
    )


class _Members:
    """An object of the file, read member by member with errors that say where."""

    def __init__(self, value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            raise SiteError(f"{pointer or '/'}: must be an object")
        self._value: dict[str, Any] = value
        self._pointer = pointer

    def only(self, *known: str) -> None:
        for name in self._value:
            if name not in known:
                raise SiteError(f"{self._pointer}/{name}: unknown member")

    def inner(self, name: str) -> _Members:
        return _Members(self._value.get(name), f"{self._pointer}/{name}")

    def each(self) -> list[tuple[str, _Members]]:
        return [(name, self.inner(name)) for name in self._value]

    def has(self, name: str) -> bool:
        return name in self._value

    def number(self, name: str, default: float | None = None, *, low: float, high: float = math.inf) -> float:
        value = self._value.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise SiteError(f"{self._pointer}/{name}: must be a number from {low:g} to {high:g}")
        return float(value)

    def text(self, name: str, default: str | None = None) -> str:
        value = self._value.get(name, default)
        if not isinstance(value, str):
            raise SiteError(f"{self._pointer}/{name}: must be a text")
        return value

    def one_of(self, name: str, words: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in words:
            raise SiteError(f"{self._pointer}/{name}: must be one of {', '.join(words)}")
        return value

    def truth(self, name: str) -> bool:
        value = self._value.get(name, False)
        if not isinstance(value, bool):
            raise SiteError(f"{self._pointer}/{name}: must be true or false")
        return value

    def instant(self, name: str, default: datetime) -> datetime:
        if name not in self._value:
            return default
        try:
            return parse_instant(self.text(name))
        except ValueError as error:
            raise SiteError(f"{self._pointer}/{name}: must be a time like 2016-03-02T09:30:00Z") from error


def _house(members: _Members, folder: Path) -> HouseSource:
    if not members.has("recording"):
        return _constant_house(members)
    members.only("recording", "start_at", "load_scale", "pv_scale")
    name = members.text("recording")
    shipped = SHIPPED / f"{name}.csv"
    recording = read_recording(shipped if shipped.is_file() else folder / name)
    return HouseSource(
        recording=recording,
        start_at=members.instant("start_at", recording.first_hour_at),
        load_scale=members.number("load_scale", 1.0, low=0),
        pv_scale=members.number("pv_scale", 1.0, low=0),
    )


def _constant_house(members: _Members) -> HouseSource:
    members.only("load_w", "pv_w")
    always = Moment(members.number("load_w", low=0), members.number("pv_w", low=0))
    start_at = datetime(2016, 3, 1, tzinfo=UTC)
    return HouseSource(Recording(start_at, (always,)), start_at, 1.0, 1.0)


_COMMON: Final = ("kind", "serial", "absent", "answer_ms", "defect", "modbus")
_BATTERY: Final = (
    "capacity_wh",
    "max_charge_w",
    "max_discharge_w",
    "round_trip_efficiency",
    "initial_soc",
    "reverts_after_s",
)


def _device(members: _Members) -> SiteDevice:
    kind = members.one_of("kind", KINDS)
    is_battery = kind == "battery"
    members.only(*_COMMON, *(_BATTERY if is_battery else ()))
    return SiteDevice(
        kind=kind,
        serial=members.text("serial", ""),
        absent=members.truth("absent"),
        answer_ms=members.number("answer_ms", 0.0, low=0),
        reverts_after_s=members.number("reverts_after_s", 1e9, low=0.1),
        defect=_defect(members),
        battery=_battery(members) if is_battery else None,
        initial_soc=members.number("initial_soc", 50.0, low=0, high=100),
        modbus=_face(members.inner("modbus")) if members.has("modbus") else None,
    )


def _face(members: _Members) -> ModbusFace:
    members.only("profile", "protocol", "host", "port", "unit_id", "line", "base_address", "listen")
    protocol = members.one_of("protocol", PROTOCOLS) if members.has("protocol") else PROTOCOLS[0]
    serial = protocol == "rtu"
    return ModbusFace(
        profile=members.text("profile"),
        protocol=protocol,
        host=members.text("host", "" if serial else None),
        port=int(members.number("port", 502, low=1, high=65535)),
        unit_id=int(members.number("unit_id", 1, low=0, high=255)),
        line=members.text("line", None if serial else ""),
        base_address=int(members.number("base_address", 40000, low=0, high=60000)),
        listen=int(members.number("listen", 0, low=0, high=65535)),
    )


def _battery(members: _Members) -> BatteryRating:
    return BatteryRating(
        capacity_wh=members.number("capacity_wh", low=1),
        max_charge_watts=members.number("max_charge_w", low=1),
        max_discharge_watts=members.number("max_discharge_w", low=1),
        round_trip_efficiency=members.number("round_trip_efficiency", 0.9, low=0.01, high=1),
    )


def _defect(members: _Members) -> Defect | None:
    if not members.has("defect"):
        return None
    inner = members.inner("defect")
    inner.only("kind", "after_s")
    return Defect(kind=inner.one_of("kind", DEFECTS), after_s=inner.number("after_s", 0.0, low=0))
