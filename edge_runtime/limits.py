"""The local limits that no document can widen: written at commissioning, read once at start.

`{"max_charge_w": 5000, "max_discharge_w": 5000, "max_import_w": 20000, "max_export_w": 10000,
"allowed_hosts": ["10.20.0.0/24", "meter.local"]}`, every member optional.
"""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_POWERS: Final = ("max_charge_w", "max_discharge_w", "max_import_w", "max_export_w")


class LimitsError(Exception):
    """A limits file that cannot be trusted: the runtime does not start on half of it."""


@dataclass(frozen=True, slots=True)
class LocalLimits:
    """Positive watts for the whole edge; `allowed_hosts` None allows every host."""

    max_charge_watts: float = math.inf
    max_discharge_watts: float = math.inf
    max_import_watts: float = math.inf
    max_export_watts: float = math.inf
    allowed_hosts: Sequence[str] | None = None

    def allows_host(self, host: str) -> bool:
        """By name, by address, or by a network that holds the address."""
        if self.allowed_hosts is None:
            return True
        return any(host == allowed or _in_network(host, allowed) for allowed in self.allowed_hosts)


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:  # one of the two is a name, and names are equal or not
        return False


def read_limits(path: Path | None) -> LocalLimits:
    """Read a limits file; no path means no limits. Errors: LimitsError names the member."""
    if path is None:
        return LocalLimits()
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LimitsError(f"{path}: {error}") from error
    if not isinstance(body, dict):
        raise LimitsError(f"{path}: must be an object")
    unknown = sorted(set(body) - {*_POWERS, "allowed_hosts"})
    if unknown:
        raise LimitsError(f"{path}: unknown member {unknown[0]}")
    charge, discharge, imported, exported = (_watts(body, name, path) for name in _POWERS)
    return LocalLimits(charge, discharge, imported, exported, _hosts(body, path))


def _watts(body: dict[str, Any], name: str, path: Path) -> float:
    value = body.get(name, math.inf)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise LimitsError(f"{path}: {name} must be a number of watts, 0 or more")
    return float(value)


def _hosts(body: dict[str, Any], path: Path) -> Sequence[str] | None:
    hosts = body.get("allowed_hosts")
    if hosts is None:
        return None
    if not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts):
        raise LimitsError(f"{path}: allowed_hosts must be a list of texts")
    return tuple(hosts)
