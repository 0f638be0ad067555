"""A document as the semantic rules look at it: devices with their profiles, controllers in their order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from edge_protocol.canonical import JsonObject
from edge_protocol.defaults import default_period_ms
from edge_protocol.registry import find_profile

SET_POINT = "SetActivePower"
LIMIT = "LimitTotalDischargeController"
BALANCING = "BalancingController"
PEAK_SHAVING = frozenset(("PeakShavingController", "TimeSlotPeakShavingController"))
NEEDS_METER = PEAK_SHAVING | {BALANCING}


@dataclass(frozen=True, slots=True)
class Finding:
    """`rule` E01..W18, `severity` error (blocks) or warning, `path` an identity pointer."""

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


@dataclass(frozen=True)
class Profile:
    """What the rules ask of a registry entry, worked out once for all its devices."""

    entry: JsonObject

    @cached_property
    def points(self) -> dict[str, JsonObject]:
        return {point["name"]: point for point in self.entry["points"]}

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(self.points)

    @cached_property
    def defaults(self) -> dict[str, tuple[str, ...]]:
        points = self.entry["points"]
        return {
            group: tuple(point["name"] for point in points if point["group_default"] == group)
            for group in ("fast", "slow")
        }

    @cached_property
    def is_steerable(self) -> bool:
        """Active power can be written, and goes back by itself or by safe writes when nobody writes it."""
        writable = self.points.get(SET_POINT, {}).get("access") == "RW"
        return writable and ("reversion" in self.entry or "safe_writes" in self.entry)


@dataclass
class Device:
    body: JsonObject
    profile: Profile | None
    path: str = field(init=False)
    enabled: bool = field(init=False)
    role: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = f"/modbus_devices/{self.body['device_id']}"
        self.enabled = self.body.get("enabled", True)
        self.role = self.body.get("role") or ("" if self.profile is None else self.profile.entry["role"])

    @cached_property
    def groups(self) -> tuple[tuple[str, ...] | list[str], tuple[str, ...] | list[str]]:
        """The points polled fast and slow: as given, else the profile's without what is given."""
        given = self.body.get("poll_groups", {})
        if self.profile is None:
            return given.get("fast", ()), given.get("slow", ())
        defaults = self.profile.defaults
        if not given:
            return defaults["fast"], defaults["slow"]
        fast = given["fast"] if "fast" in given else _but(defaults["fast"], given["slow"])
        slow = given["slow"] if "slow" in given else _but(defaults["slow"], given["fast"])
        return fast, slow

    @cached_property
    def bus(self) -> tuple[str, str]:
        """What its requests share with those of other devices: a host and port, or a serial line."""
        connection = self.body["connection"]
        if connection["protocol"] == "rtu":
            return "serial", connection["serial"]["device"]
        return connection["host"].lower(), str(connection.get("port", 502))


def _but(names: tuple[str, ...], given: list[str]) -> list[str]:
    return [name for name in names if name not in given]


@dataclass
class Controller:
    body: JsonObject
    path: str = field(init=False)
    parameters: JsonObject = field(init=False)
    kind: str = field(init=False)

    def __post_init__(self) -> None:
        self.path = f"/scheduler/controllers/{self.body['id']}"
        self.parameters = self.body.get("parameters", {})
        self.kind = self.body["class"]


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
