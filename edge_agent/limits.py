"""Local limits: written at commissioning by root, and no document can widen them (rule 13).

`{"max_charge_w", "max_discharge_w", "max_import_w", "max_export_w", "allowed_hosts": [name, address or
network]}`, every member optional. The runtime clamps by the same file; here a document that asks for more is
refused before it is staged, so that nobody believes in a number that is never reached.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_agent.states import Reason

POWERS = ("max_charge_w", "max_discharge_w", "max_import_w", "max_export_w")


class LimitsError(Exception):
    """The file cannot be used; nothing new is applied until it can."""


@dataclass(frozen=True, slots=True)
class Limits:
    powers_w: Mapping[str, float] = field(default_factory=dict)
    allowed_hosts: tuple[str, ...] | None = None
    digest: str | None = None
    warning: str = ""


def read_limits(path: str | None) -> Limits:
    """Errors: LimitsError when a file is named and cannot be used: half of a limit is none."""
    if path is None:
        return Limits()
    try:
        data = Path(path).read_bytes()
        status = Path(path).stat()
        body = _object(json.loads(data))
        powers = {name: float(body[name]) for name in POWERS if name in body}
        hosts = body.get("allowed_hosts")
    except (OSError, ValueError, TypeError) as error:
        raise LimitsError(f"the local limits file {path} cannot be used: {error}") from error
    owned = status.st_uid == 0 and not status.st_mode & 0o022
    warning = "" if owned else f"{path} can be changed by others than root"
    return Limits(
        powers, None if hosts is None else tuple(map(str, hosts)), hashlib.sha256(data).hexdigest(), warning
    )


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("it is not an object")
    return value


def breach(limits: Limits, document: Mapping[str, Any]) -> Reason | None:
    """The first thing in the document that goes beyond the limits, with its path."""
    return next(_breaches(limits, document), None)


def _breaches(limits: Limits, document: Mapping[str, Any]) -> Iterator[Reason]:
    for device in document.get("modbus_devices", []):
        path = f"/modbus_devices/{device['device_id']}"
        host = device.get("connection", {}).get("host")
        if host is not None and not allows(limits, host):
            yield Reason(
                "local_limits", f"{path}/connection/host: the host {host} is not allowed on this site"
            )
        for name, most in limits.powers_w.items():
            asked = device.get("limits", {}).get(name)
            if asked is not None and asked > most:
                yield Reason(
                    "local_limits", f"{path}/limits/{name}: {asked} W, at most {most:.0f} W on this site"
                )
    yield from _fixed_power(limits, document)


def _fixed_power(limits: Limits, document: Mapping[str, Any]) -> Iterator[Reason]:
    for controller in document.get("scheduler", {}).get("controllers", []):
        power = controller.get("parameters", {}).get("power_watts", 0)
        name = "max_discharge_w" if power > 0 else "max_charge_w"
        most = limits.powers_w.get(name)
        if controller.get("class") == "FixActivePowerController" and most is not None and abs(power) > most:
            path = f"/scheduler/controllers/{controller['id']}/parameters/power_watts"
            yield Reason("local_limits", f"{path}: {power} W, at most {most:.0f} W on this site")


def allows(limits: Limits, host: str) -> bool:
    """By name, by address, or by a network that holds the address."""
    if limits.allowed_hosts is None:
        return True
    return any(host == allowed or _inside(host, allowed) for allowed in limits.allowed_hosts)


def _inside(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:  # one of the two is a name: equal or not, nothing else
        return False
