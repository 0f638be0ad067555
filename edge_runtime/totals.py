"""The plant's totals as channels of their own."""

from __future__ import annotations

from collections.abc import Mapping

from edge_runtime.device import Device


def totals(devices: Mapping[str, Device]) -> dict[str, float | None]:
    """The plant's totals; a total with an undefined part is undefined."""
    grid, stored = _parts(devices, "grid_meter"), _parts(devices, "ess")
    made = _parts(devices, "production_meter") or _parts(devices, "pv_inverter")
    charge = _parts(devices, "ess", "Soc")
    return {
        "_sum/GridActivePower": _total(grid),
        "_sum/EssActivePower": _total(stored),
        "_sum/ProductionActivePower": _total(made),
        "_sum/ConsumptionActivePower": _total([*grid, *stored, *made]) if grid else None,
        "_sum/EssSoc": _mean(charge),
    }


def _parts(devices: Mapping[str, Device], role: str, point: str = "ActivePower") -> list[float | None]:
    return [device.values.get(point) for device in devices.values() if device.settings.role == role]


def _total(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if parts and len(known) == len(parts) else None


def _mean(parts: list[float | None]) -> float | None:
    total = _total(parts)
    return None if total is None else total / len(parts)
