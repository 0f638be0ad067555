"""Semantic rules about alarms: channels, thresholds, senders."""

from collections.abc import Iterator

from edge_protocol.canonical import JsonObject
from edge_protocol.subject import Device, Finding, Subject, error, warning

SUM_POINTS = frozenset(
    ("GridActivePower", "EssActivePower", "EssSoc", "ProductionActivePower", "ConsumptionActivePower")
)
CYCLE_POINTS = frozenset(("MeasuredCycleTime", "Overruns"))
CONTROLLER_POINTS = frozenset(("State",))


def channels(subject: Subject) -> Iterator[Finding]:
    """E07: the channel exists and is polled; a threshold suits it."""
    controllers = {body["id"] for body in subject.document["scheduler"].get("controllers", ())}
    for alarm in subject.document["alarms"]:
        component, point = alarm["channel"].split("/", 1)
        path = f"/alarms/{alarm['id']}"
        device = subject.device.get(component)
        if device is not None:
            yield from _device_channel(alarm, device, point, path)
        elif point not in _inner_points(component, controllers):
            yield error("E07", f"{path}/channel", f"there is no channel {alarm['channel']}")


def _inner_points(component: str, controllers: set[str]) -> frozenset[str]:
    if component == "_sum":
        return SUM_POINTS
    if component == "_cycle":
        return CYCLE_POINTS
    return CONTROLLER_POINTS if component in controllers else frozenset()


def _device_channel(alarm: JsonObject, device: Device, name: str, path: str) -> Iterator[Finding]:
    if not device.enabled:
        yield warning("E07", f"{path}/channel", f"{device.body['device_id']} is not enabled")
    if device.profile is None:
        return
    point = device.profile.points.get(name)
    if point is None:
        detail = f"the profile {device.body['profile']} has no point {name}"
        yield error("E07", f"{path}/channel", detail)
        return
    if name not in device.fast and name not in device.slow:
        detail = f"{device.body['device_id']} does not poll {name}"
        yield error("E07", f"{path}/channel", detail)
    if alarm["condition"] == "stale":
        return
    if point["type"] == "string":
        yield error("E07", f"{path}/condition", f"{name} is a text, {alarm['condition']} compares numbers")
    elif (
        not point.get("valid_min", alarm["threshold"])
        <= alarm["threshold"]
        <= point.get("valid_max", alarm["threshold"])
    ):
        detail = f"{name} lies within {point.get('valid_min', '')}..{point.get('valid_max', '')}"
        yield error("E07", f"{path}/threshold", detail)


def senders(subject: Subject) -> Iterator[Finding]:
    """W17: no text messages are sent."""
    for alarm in subject.document["alarms"]:
        if "sms" in alarm.get("notification", ()):
            yield warning("W17", f"/alarms/{alarm['id']}/notification", "nothing here sends sms")
