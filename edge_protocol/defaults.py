"""The values that a document leaves out, never written into one: checks, screens and runtime ask here."""

from collections.abc import Mapping
from functools import cache
from math import ceil
from typing import Any

from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.registry import find_profile
from edge_protocol.schema import schemas

_SECTIONS = ("core_cycle", "scheduler", "modbus_devices", "alarms", "sync")
PEAK_SHAVING = ("PeakShavingController", "TimeSlotPeakShavingController")


def with_defaults(document: Mapping[str, JsonValue]) -> JsonObject:
    """A copy of a merged document in which every field with a default has a value.

    Shape: as the document; `sync` is always there; roles and poll groups come from the document's own
    `profiles`; a default that depends on another value is worked out (watchdog, probation, recharge
    threshold, forced charge). Source: configuration document, "The document, field by field".
    """
    filled = dict(document)
    for name in _SECTIONS:
        if name in document or name == "sync":
            filled[name] = _filled(document.get(name, {}), schemas()[name], schemas()[name])
    _fill_cycle(filled)
    for controller in filled.get("scheduler", {}).get("controllers", []):
        _fill_controller(controller)
    for device in filled.get("modbus_devices", []):
        _fill_device(device, document.get("profiles", {}))
    for alarm in filled.get("alarms", []):
        alarm["severity"] = "fault" if alarm["severity"] == "critical" else alarm["severity"]
    return filled


def _filled(value: JsonValue, schema: JsonObject, root: JsonObject) -> JsonValue:
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(value, dict):
        return _filled_object(value, schema, root)
    if isinstance(value, list):
        return [_filled(item, schema.get("items", {}), root) for item in value]
    return value


def _filled_object(value: JsonObject, schema: JsonObject, root: JsonObject) -> JsonObject:
    properties: Mapping[str, Any] = schema.get("properties", {})
    filled = {name: _filled(member, properties.get(name, {}), root) for name, member in value.items()}
    for name, part in properties.items():
        if name not in filled and "default" in part:
            filled[name] = _filled(part["default"], part, root)
    if "class" in filled:
        filled["parameters"] = _filled(filled["parameters"], root["$defs"].get(filled["class"], {}), root)
    return filled


def watchdog_timeout_ms(period_ms: int) -> int:
    """The watchdog's default for a period: max(10 s, 4 periods). Units: milliseconds."""
    return max(10_000, 4 * period_ms)


def probation_s(period_ms: int) -> int:
    """The default probation for a period: max(60 s, 6 periods). Units: seconds."""
    return max(60, ceil(6 * period_ms / 1000))


@cache
def default_period_ms() -> int:
    period: int = schemas()["core_cycle"]["properties"]["period_ms"]["default"]
    return period


def _fill_cycle(filled: JsonObject) -> None:
    period_ms = filled.get("core_cycle", {}).get("period_ms", default_period_ms())
    if "core_cycle" in filled:
        filled["core_cycle"]["supervisor"].setdefault("watchdog_timeout_ms", watchdog_timeout_ms(period_ms))
    filled["sync"].setdefault("probation_s", probation_s(period_ms))


def _fill_controller(controller: JsonObject) -> None:
    parameters = controller["parameters"]
    if controller["class"] in PEAK_SHAVING:
        parameters.setdefault("recharge_threshold_watts", parameters["threshold_watts"] // 2)
    elif controller["class"] == "LimitTotalDischargeController":
        parameters.setdefault("force_charge_soc", min(10, parameters["min_soc"]))


def _fill_device(device: JsonObject, profiles: Mapping[str, JsonObject]) -> None:
    profile = find_profile(device["profile"], profiles)
    if profile is None:
        return
    device.setdefault("role", profile["role"])
    groups = device.get("poll_groups", {})
    device["poll_groups"] = groups_of(groups, profile)


def groups_of(groups: Mapping[str, list[str]], profile: JsonObject) -> dict[str, list[str]]:
    """Both poll groups: those given, the other from the profile without what is given already."""
    given = {name for names in groups.values() for name in names}
    return {
        group: groups[group]
        if group in groups
        else [p["name"] for p in profile["points"] if p["group_default"] == group and p["name"] not in given]
        for group in ("fast", "slow")
    }
