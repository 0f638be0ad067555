"""How the devices of a site file look on the wire: `modbus` members, read and paired with their profiles.

    "bms_main": {"kind": "battery", ..., "modbus": {"profile": "tesla_powerwall_2", "host": "10.20.0.11"}}

`profile` is a shipped one or a file beside the site file. Further members: `protocol` (tcp), `port` (502),
`unit_id` (1), `base_address` (40000), `listen` (0: any free loopback port), and `line` (a serial device file
instead of a host, with `protocol` rtu).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_protocol.registry import builtin_profiles
from edge_runtime.site import ModbusFace, Site, SiteError


@dataclass(frozen=True, slots=True)
class Front:
    """One device as its bus sees it."""

    device_id: str
    face: ModbusFace
    profile: Mapping[str, Any]

    @property
    def end(self) -> str:
        """What a document says for its line."""
        return self.face.line if self.face.protocol == "rtu" else f"{self.face.host}:{self.face.port}"


def fronts_of(site: Site, folder: Path) -> list[Front]:
    """Every device that speaks Modbus. Errors: SiteError for a profile that does not exist."""
    return [
        Front(name, device.modbus, _profile(device.modbus.profile, folder))
        for name, device in site.devices.items()
        if device.modbus is not None and not device.absent
    ]


def _profile(name: str, folder: Path) -> Mapping[str, Any]:
    shipped = builtin_profiles().get(name)
    if shipped is not None:
        return shipped
    try:
        profile = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SiteError(f"no profile {name}: neither shipped nor a file beside the site file") from error
    if not isinstance(profile, dict):
        raise SiteError(f"{name}: a profile is an object")
    return profile
