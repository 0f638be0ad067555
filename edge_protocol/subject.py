"""A document as the semantic rules look at it: devices with their profiles, controllers in their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from edge_protocol.canonical import JsonObject
from edge_protocol.defaults import default_period_ms
from edge_protocol.registry import find_profile

SET_POINT = "SetActivePower"
LIMIT = "LimitTotalDischargeController"
BALANCING = "BalancingController"
FIXED = "FixActivePowerController"
PEAK_SHAVING = frozenset(("PeakShavingController", "TimeSlotPeakShavingController"))
RELAY = "ChannelThresholdController"
NEEDS_METER = PEAK_SHAVING | {BALANCING}


@dataclass(frozen=True, slots=True)
class Finding:
    """`rule` E01..W20, `severity` error (blocks) or warning, `path` an identity pointer."""

    rule: str
    severity: str
    path: str
    detail: str

    def to_dict(self) -> dict[str, str]:
        return {"rule": self.rule, "severity": self.severity, "path": self.path, "detail": self.detail}


def error(rule: str, path: str, detail: str) -> Finding:
    return Finding(rule, "error", path, detail)


def warning(rule: str, path: str, detail: str) -> Finding:
    return Finding(rule, "warning", path, detail)


class Profile:
    """What the rules ask of a registry entry, worked out once for all its devices."""

    def __init__(self, entry: JsonObject) -> None:
        self.entry = entry
        self.points: dict[str, JsonObject] = {point["name"]: point for point in entry["points"]}
        self.names = frozenset(self.points)
        self.fast = [name for name, point in self.points.items() if point["group_default"] == "fast"]
        self.slow = [name for name, point in self.points.items() if point["group_default"] == "slow"]
        # Active power can be written, and goes back by itself or by safe writes when nobody writes it.
        writable = self.points.get(SET_POINT, {}).get("access") == "RW"
        self.is_steerable = writable and ("reversion" in entry or "safe_writes" in entry)

    def switches_off(self, name: str) -> bool:
        """Whether leaving the device in its safe state switches this point off."""
        return any(
            write["point"] == name and write["value"] == 0 for write in self.entry.get("safe_writes", ())
        )


class Device:
    """`bus` is what its requests share with those of other devices: a host and port, or a serial line."""

    __slots__ = ("body", "bus", "connection", "enabled", "fast", "path", "profile", "role", "slow")

    def __init__(self, body: JsonObject, profile: Profile | None) -> None:
        self.body = body
        self.profile = profile
        self.path = "/modbus_devices/" + body["device_id"]
        self.enabled: bool = body.get("enabled", True)
        self.role: str = body.get("role") or ("" if profile is None else profile.entry["role"])
        self.connection: JsonObject = body["connection"]
        self.bus = _bus(self.connection)
        self.fast, self.slow = _groups(body.get("poll_groups", {}), profile)


def _bus(connection: JsonObject) -> tuple[str, str]:
    if connection["protocol"] == "rtu":
        return "serial", connection["serial"]["device"]
    return connection["host"].lower(), str(connection.get("port", 502))


def _groups(given: JsonObject, profile: Profile | None) -> tuple[list[str], list[str]]:
    """The points polled fast and slow: as given, else the profile's without what is given."""
    if profile is None:
        return given.get("fast", []), given.get("slow", [])
    if not given:
        return profile.fast, profile.slow
    fast = given["fast"] if "fast" in given else _but(profile.fast, given["slow"])
    slow = given["slow"] if "slow" in given else _but(profile.slow, given["fast"])
    return fast, slow


def _but(names: list[str], given: list[str]) -> list[str]:
    return [name for name in names if name not in given]


class Controller:
    __slots__ = ("body", "kind", "parameters", "path")

    def __init__(self, body: JsonObject) -> None:
        self.body = body
        self.path = "/scheduler/controllers/" + body["id"]
        self.parameters: JsonObject = body.get("parameters", {})
        self.kind: str = body["class"]


class Subject:
    """`controllers` are the enabled ones in the order in which they run."""

    def __init__(self, document: JsonObject, profiles: Mapping[str, JsonObject]) -> None:
        self.document = document
        known: dict[str, Profile | None] = {}
        self.devices: list[Device] = []
        for body in document["modbus_devices"]:
            name = body["profile"]
            if name not in known:
                entry = find_profile(name, profiles)
                known[name] = None if entry is None else Profile(entry)
            self.devices.append(Device(body, known[name]))
        self.device = {device.body["device_id"]: device for device in self.devices}
        self.controllers = _in_order(document["scheduler"])
        self.period_ms: int = document["core_cycle"].get("period_ms", default_period_ms())

    @cached_property
    def _alone(self) -> dict[str, Device | None]:
        """Role -> the only enabled device that has it; a controller that names none means that one."""
        enabled = [device for device in self.devices if device.enabled]
        found: dict[str, Device | None] = {}
        for role in ("ess", "grid_meter"):
            having = [device for device in enabled if device.role == role]
            found[role] = having[0] if len(having) == 1 else None
        return found

    def ess(self, controller: Controller) -> Device | None:
        """The storage that a controller acts on, or None where none can be resolved."""
        return self._resolved(controller.parameters.get("ess_id"), "ess")

    def meter(self, controller: Controller) -> Device | None:
        """The grid meter that a controller looks at, or None where none can be resolved."""
        return self._resolved(controller.parameters.get("meter_id"), "grid_meter")

    def _resolved(self, name: str | None, role: str) -> Device | None:
        if name is None:
            return self._alone[role]
        device = self.device.get(name)
        return device if device is not None and device.enabled and device.role == role else None


def _in_order(scheduler: JsonObject) -> list[Controller]:
    enabled = [body for body in scheduler.get("controllers", ()) if body.get("enabled", True)]
    if scheduler.get("strategy") == "alphabetical":
        return [Controller(body) for body in sorted(enabled, key=lambda body: str(body["id"]))]
    return [Controller(body) for body in sorted(enabled, key=lambda body: int(body["execution_order"]))]
