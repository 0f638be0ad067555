"""The house with counters: what its meters and its inverters have counted so far, in watt-hours."""

from __future__ import annotations

from typing import Final

from edge_runtime.house import House
from edge_runtime.site import Site

SECONDS_PER_HOUR: Final = 3600.0
FIRST_COUNT_WH: Final = 1.0
"""A SunSpec counter at 0 counts as not implemented."""


class MeteredHouse:
    """Readings of the house, and energies that are counted up by `tick`."""

    def __init__(self, house: House, site: Site) -> None:
        self._house = house
        self._counts: dict[str, dict[str, float]] = {
            name: dict.fromkeys(_counters(device.kind), FIRST_COUNT_WH)
            for name, device in site.devices.items()
        }
        self._counted_to_s = house.running_s

    def readings(self, device_id: str) -> dict[str, float]:
        return self._house.readings(device_id) | self._counts[device_id]

    def command(self, device_id: str, watts: float) -> None:
        self._house.command(device_id, watts)

    def tick(self) -> None:
        now_s = self._house.running_s
        hours = (now_s - self._counted_to_s) / SECONDS_PER_HOUR
        self._counted_to_s = now_s
        for name, counts in self._counts.items():
            if not counts:
                continue
            energy = self._house.readings(name)["ActivePower"] * hours
            for counter in counts:
                counts[counter] += max(-energy if counter == "ExportedEnergy" else energy, 0.0)


def _counters(kind: str) -> tuple[str, ...]:
    if kind in ("grid_meter", "consumption_meter"):
        return "ImportedEnergy", "ExportedEnergy"
    return ("Energy",) if kind == "pv_inverter" else ()
