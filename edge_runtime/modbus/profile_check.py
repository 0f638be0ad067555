"""A profile against a live device: every point read once, nothing written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_protocol.defaults import with_defaults
from edge_runtime.modbus.field import ModbusField
from edge_runtime.modbus.lines import Route
from edge_runtime.settings import DeviceSettings, settings_of

DEVICE = "checked"


@dataclass(frozen=True, slots=True)
class PointCheck:
    """`state`: ok, not_implemented, out_of_range or missing; only the last two speak against the profile."""

    name: str
    state: str
    value: float | None
    unit: str
    detail: str

    @property
    def speaks_against(self) -> bool:
        return self.state in ("out_of_range", "missing")


@dataclass(frozen=True, slots=True)
class ProfileCheck:
    """What the device said, whole."""

    serial: str
    points: Sequence[PointCheck]

    @property
    def fits(self) -> bool:
        return not any(point.speaks_against for point in self.points)

    def to_dict(self) -> dict[str, Any]:
        points = [
            {"name": p.name, "state": p.state, "value": p.value, "unit": p.unit, "detail": p.detail}
            for p in self.points
        ]
        return {"fits": self.fits, "serial": self.serial, "points": points}


def check_profile(profile: Mapping[str, Any], connection: Mapping[str, Any], route: Route) -> ProfileCheck:
    """Read every point of the profile. Errors: FieldError when the device does not answer at all."""
    settings = _settings(profile, connection)
    device = ModbusField(route).device(settings)
    try:
        device.session()
        serial = device.serial()
        values: dict[str, float | None] = {}
        for block in settings.slow:
            values |= device.read(block)
        missing = device.missing()
    finally:
        device.close()
    texts = {"SerialNumber": serial}
    checks = [_judge(point, values.get(point["name"]), missing, texts) for point in profile["points"]]
    return ProfileCheck(serial, checks)


def _settings(profile: Mapping[str, Any], connection: Mapping[str, Any]) -> DeviceSettings:
    names = [point["name"] for point in profile["points"]]
    entry = {
        "device_id": DEVICE,
        "profile": profile["profile_id"],
        "connection": dict(connection),
        "poll_groups": {"fast": [], "slow": names},
    }
    document = {"modbus_devices": [entry], "profiles": {profile["profile_id"]: profile}}
    return settings_of(with_defaults(document)["modbus_devices"][0], profile)


def _judge(
    point: Mapping[str, Any], value: float | None, missing: Mapping[str, str], texts: Mapping[str, str]
) -> PointCheck:
    name, unit = point["name"], point.get("unit", "")
    if name in missing:
        return PointCheck(name, "missing", None, unit, missing[name])
    if point["type"] == "string":
        return PointCheck(name, "ok", None, unit, texts.get(name, "a text"))
    if value is None:
        return PointCheck(name, "not_implemented", None, unit, "the device says that it has no value")
    low, high = point.get("valid_min"), point.get("valid_max")
    if (low is not None and value < low) or (high is not None and value > high):
        detail = f"outside {low} to {high}: wrong register, type, scale or sign?"
        return PointCheck(name, "out_of_range", value, unit, detail)
    word = next((word for word, number in point.get("symbols", {}).items() if number == value), "")
    return PointCheck(name, "ok", value, unit, word)
