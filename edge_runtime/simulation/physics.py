"""What a site's batteries can physically do, read from the site file, the document and the local limits.

Nothing here knows the controllers' laws: it is what they are judged by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from edge_runtime.document import Document
from edge_runtime.limits import LocalLimits
from edge_runtime.site import Site

GUARD: Final = "LimitTotalDischargeController"


@dataclass(frozen=True, slots=True)
class Store:
    """One battery: positive watts, charge in percent; half of its losses on the way in, half out."""

    name: str
    capacity_wh: float
    charge_watts: float
    discharge_watts: float
    floor_percent: float
    ceiling_percent: float
    start_percent: float
    one_way: float


@dataclass(frozen=True, slots=True)
class Connection:
    """What the grid connection may carry, in positive watts."""

    max_import_watts: float
    max_export_watts: float


def stores_of(document: Document, site: Site, limits: LocalLimits) -> list[Store]:
    """Every battery that the document steers and the site has."""
    found = []
    for entry in document.devices:
        device = site.devices.get(entry["device_id"])
        if entry["role"] != "ess" or device is None or device.battery is None:
            continue
        bounds, rating = entry.get("limits", {}), device.battery
        found.append(
            Store(
                name=entry["device_id"],
                capacity_wh=rating.capacity_wh,
                charge_watts=_least(bounds, "max_charge_w", rating.max_charge_watts, limits.max_charge_watts),
                discharge_watts=_least(
                    bounds, "max_discharge_w", rating.max_discharge_watts, limits.max_discharge_watts
                ),
                floor_percent=max(bounds.get("soc_min", 0), *_guards(document, entry["device_id"])),
                ceiling_percent=bounds.get("soc_max", 100),
                start_percent=device.initial_soc,
                one_way=math.sqrt(rating.round_trip_efficiency),
            )
        )
    return found


def connection_of(document: Document, limits: LocalLimits) -> Connection:
    bounds: Mapping[str, Any] = {}
    for entry in document.devices:
        if entry["role"] == "grid_meter":
            bounds = entry.get("limits", {})
    return Connection(
        min(bounds.get("max_import_w", math.inf), limits.max_import_watts),
        min(bounds.get("max_export_w", math.inf), limits.max_export_watts),
    )


def _least(bounds: Mapping[str, Any], name: str, *others: float) -> float:
    return min(float(bounds.get(name, math.inf)), *others)


def _guards(document: Document, name: str) -> list[float]:
    """The lower bounds that operators set by controllers; never empty."""
    guards = [entry for entry in document.controllers if entry["enabled"] and entry["class"] == GUARD]
    meant = [entry["parameters"] for entry in guards if entry["parameters"].get("ess_id", name) == name]
    return [0.0, *(parameters["min_soc"] for parameters in meant)]
