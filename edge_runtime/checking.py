"""Whether a document may run here: its shape, its rules, and what the runtime alone can say.

A controller class that this runtime does not have is left to its init: the document itself is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edge_protocol import schema, semantics
from edge_protocol.canonical import parse
from edge_protocol.errors import ProtocolError
from edge_runtime.document import MOST_BYTES, Document, DocumentUnreadableError, make_document
from edge_runtime.limits import LocalLimits
from edge_runtime.modbus.lines import is_device_file
from edge_runtime.modbus.profile_rules import wrong_points
from edge_runtime.roster import STRATEGIES
from edge_runtime.settings import host_of
from edge_runtime.slots import has_zone

AROUND_THE_SECTIONS = ("version", "digest", "edge_id", "timestamp", "changed", "safe_mode")


class Checked(NamedTuple):
    """Reasons not to run a document, and what to know before; each {"path", "rule", "detail"}."""

    errors: list[dict[str, str]]
    warnings: list[dict[str, str]]


def check_file(path: Path, limits: LocalLimits) -> Checked:
    """Without errors it may run. A file that cannot be read is an error like any other."""
    try:
        body = parse(path.read_bytes(), max_bytes=MOST_BYTES)
    except OSError as error:
        return Checked([_error("", "unreadable", f"{path}: {error.strerror}")], [])
    except ProtocolError as error:
        return Checked([_error(error.path, error.code, error.detail)], [])
    if not isinstance(body, dict):
        return Checked([_error("", "schema/type", "the document is not an object")], [])
    sections = {name: value for name, value in body.items() if name not in AROUND_THE_SECTIONS}
    if body.get("safe_mode") is True:
        sections["scheduler"] = {"controllers": []}
    wrong = [_error(found.path, found.rule, found.detail) for found in schema.check(sections)]
    if wrong:
        return Checked(wrong, [])
    found = semantics.check(sections, profiles=sections.get("profiles", {}))
    broken = [_error(one.path, one.rule, one.detail) for one in found if one.severity == "error"]
    told = [_error(one.path, one.rule, one.detail) for one in found if one.severity != "error"]
    return Checked(broken or _runtime_errors(body, limits), told)


def _runtime_errors(body: dict[str, Any], limits: LocalLimits) -> list[dict[str, str]]:
    try:
        document = make_document(body)
    except DocumentUnreadableError as error:
        return [_error("", "document", str(error))]
    errors = []
    for device in document.devices:
        errors += _device_errors(device, document.profiles, limits)
        errors += _reversion_errors(device, document)
    for name in {device["profile"] for device in document.devices} & set(document.profiles):
        wrong = wrong_points(document.profiles[name])
        errors += [_error(f"/profiles/{name}/points/{point}", "profile", why) for point, why in wrong.items()]
    errors += [_error(*found) for controller in document.controllers if (found := _unknown_zone(controller))]
    strategy = document.sections["scheduler"]["strategy"]
    if strategy not in STRATEGIES:
        errors.append(_error("/scheduler/strategy", "strategy", f"this runtime has no strategy {strategy}"))
    return errors


def _unknown_zone(controller: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Which zones there are is a matter of this machine's own tables, so no schema can say it."""
    zone = controller["parameters"].get("time_zone")
    if zone is None or has_zone(zone):
        return None
    path = f"/scheduler/controllers/{controller['id']}/parameters/time_zone"
    return path, "time_zone", f"there is no time zone {zone}"


def _device_errors(
    device: Mapping[str, Any], profiles: Mapping[str, Any], limits: LocalLimits
) -> list[dict[str, str]]:
    path, connection = f"/modbus_devices/{device['device_id']}", device["connection"]
    errors = []
    host = host_of(connection)
    if host and not limits.allows_host(host):
        detail = f"the host {host} is not allowed here"
        errors.append(_error(f"{path}/connection/host", "local_limits", detail))
    if connection["protocol"] == "rtu" and not is_device_file(connection["serial"]["device"]):
        detail = f"{connection['serial']['device']} is no device file"
        errors.append(_error(f"{path}/connection/serial/device", "serial_line", detail))
    if device["profile"] not in profiles:
        errors.append(_error(f"{path}/profile", "profile", f"{device['profile']} is not carried along"))
    return errors


def _reversion_errors(device: Mapping[str, Any], document: Document) -> list[dict[str, str]]:
    """A set-point that ends before it is renewed makes a battery stutter."""
    reversion = document.profiles.get(device["profile"], {}).get("reversion")
    if (
        device.get("role") != "ess"
        or reversion is None
        or 2 * document.period_ms <= 1000 * reversion["seconds"]
    ):
        return []
    detail = (
        f"a set-point of {device['device_id']} ends after {reversion['seconds']} s: two periods do not fit"
    )
    return [_error("/core_cycle/period_ms", "reversion", detail)]


def _error(path: str, rule: str, detail: str) -> dict[str, str]:
    return {"path": path, "rule": rule, "detail": detail}
