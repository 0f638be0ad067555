"""Semantic rules about controllers that switch a relay by a value: what they follow, what they switch."""

from collections.abc import Iterator

from edge_protocol.canonical import JsonObject
from edge_protocol.rules_alarms import SUM_POINTS
from edge_protocol.subject import RELAY, Controller, Finding, Subject, error

THRESHOLDS = ("switch_on_at", "switch_off_at")


def followed_channels(subject: Subject) -> Iterator[Finding]:
    """E07 for relays: the channel is polled and a number, and it can reach both thresholds."""
    for controller in _relays(subject):
        path = f"{controller.path}/parameters"
        reason = _not_followed(subject, controller.parameters["channel"])
        if reason:
            yield error("E07", f"{path}/channel", reason)
            continue
        yield from _out_of_reach(subject, controller, path)


def outputs(subject: Subject) -> Iterator[Finding]:
    """E08 for relays: the output can be switched, is left off by its profile, and has one master."""
    masters: dict[str, str] = {}
    for controller in _relays(subject):
        output = controller.parameters["output"]
        path = f"{controller.path}/parameters/output"
        reason = _not_switched(subject, *output.split("/", 1))
        if reason:
            yield error("E08", path, reason)
        master = masters.setdefault(output, controller.body["id"])
        if master != controller.body["id"]:
            yield error("E08", path, f"{output} is also switched by {master}: a relay has one master")


def thresholds(subject: Subject) -> Iterator[Finding]:
    """E09 for relays: between on and off lies something, else the relay flutters."""
    for controller in _relays(subject):
        if controller.parameters["switch_on_at"] == controller.parameters["switch_off_at"]:
            path = f"{controller.path}/parameters/switch_off_at"
            yield error("E09", path, "switch_off_at must differ from switch_on_at")


def _relays(subject: Subject) -> Iterator[Controller]:
    return (one for one in subject.controllers if one.kind == RELAY)


def _not_followed(subject: Subject, channel: str) -> str:
    component, name = channel.split("/", 1)
    if component == "_sum":
        return "" if name in SUM_POINTS else f"there is no channel {channel}"
    device = subject.device.get(component)
    if device is None:
        return f"there is no channel {channel} that a relay can follow"
    if not device.enabled:
        return f"{component} is not enabled"
    if device.profile is None:
        return ""  # E03 has said so
    point = device.profile.points.get(name)
    if point is None:
        return f"the profile {device.body['profile']} has no point {name}"
    if point["type"] == "string":
        return f"{name} is a text: a relay follows numbers"
    return "" if name in device.fast or name in device.slow else f"{component} does not poll {name}"


def _out_of_reach(subject: Subject, controller: Controller, path: str) -> Iterator[Finding]:
    component, name = controller.parameters["channel"].split("/", 1)
    device = subject.device.get(component)
    point: JsonObject = device.profile.points[name] if device and device.profile else {}
    for threshold in THRESHOLDS:
        given = controller.parameters[threshold]
        low, high = point.get("valid_min", given), point.get("valid_max", given)
        if not low <= given <= high:
            detail = f"{name} lies within {point.get('valid_min', '')}..{point.get('valid_max', '')}"
            yield error("E07", f"{path}/{threshold}", detail)


def _not_switched(subject: Subject, name: str, output: str) -> str:
    device = subject.device.get(name)
    if device is None:
        return f"{name} is no device of this document"
    if not device.enabled:
        return f"{name} is not enabled"
    if device.profile is None:
        return ""  # E03 has said so
    if device.role != "io":
        return f"{name} has the role {device.role}, not io"
    point = device.profile.points.get(output)
    if point is None:
        return f"the profile {device.body['profile']} has no point {output}"
    if point["fc"] != 1 or point["access"] != "RW":
        return f"{output} is no on/off point that can be written (a coil: function code 1, access RW)"
    return (
        "" if device.profile.switches_off(output) else f"the profile's safe_writes do not switch {output} off"
    )
