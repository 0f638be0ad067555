"""The recorded house as fast as it can be computed: the same battery model, moved once a cycle.

`edge_runtime.house` is the plant for wall time and many threads; this one has a clock that is set from
outside and one thread, and answers through the same device interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from edge_runtime.battery import Battery
from edge_runtime.devices import Devices
from edge_runtime.field import FieldDevice, PowerRating, UnreachableError
from edge_runtime.recording import Moment
from edge_runtime.settings import SET_POINT, DeviceSettings
from edge_runtime.site import Site, SiteDevice

READS_AS_WELL: Final = {"Frequency": 50.0, "Soh": 100.0}


class Plant:
    """Use, production and batteries at one instant. `advance` lets the present powers flow until another."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.now_s = 0.0
        self.batteries = {
            name: Battery(device.battery, soc_percent=device.initial_soc)
            for name, device in site.devices.items()
            if device.battery is not None
        }
        self.moment = self._moment()
        self._reverts_s: dict[str, float] = {}

    @property
    def now_at(self) -> datetime:
        return self.site.house.start_at + timedelta(seconds=self.now_s)

    @property
    def delivered_watts(self) -> float:
        """What the batteries give to the house; negative while they are charged."""
        return sum(battery.power_watts for battery in self.batteries.values())

    @property
    def grid_watts(self) -> float:
        return self.moment.load_watts - self.moment.pv_watts - self.delivered_watts

    def advance(self, now_s: float) -> None:
        for name, battery in self.batteries.items():
            battery.advance(now_s - self.now_s)
            if now_s >= self._reverts_s.get(name, now_s + 1):
                battery.set_point_watts = 0.0
        self.now_s = now_s
        self.moment = self._moment()

    def command(self, name: str, watts: float, reverts_after_s: float) -> None:
        self.batteries[name].set_point_watts = watts
        self._reverts_s[name] = self.now_s + reverts_after_s

    def device(self, settings: DeviceSettings) -> FieldDevice:
        """Whatever the site has under this name; what it does not have never answers."""
        device = self.site.devices.get(settings.device_id)
        return PlantDevice(self, settings, None if device is None or device.absent else device)

    def _moment(self) -> Moment:
        return self.site.house.at(self.now_at)


class PlantDevice:
    """One device of the plant."""

    def __init__(self, plant: Plant, settings: DeviceSettings, device: SiteDevice | None) -> None:
        self._plant = plant
        self._id = settings.device_id
        self._device = device
        self._battery = plant.batteries.get(settings.device_id)
        self._reversion = settings.reversion
        self._reverts_after_s = device.reverts_after_s if device is not None else 0.0

    def session(self) -> int:
        if self._device is None:
            raise UnreachableError(f"{self._id} does not answer")
        return 0

    def serial(self) -> str:
        return "" if self._device is None else self._device.serial

    def doubt(self) -> None:
        """It has no places."""

    def power_rating(self) -> PowerRating | None:
        rating = None if self._battery is None else self._battery.rating
        return None if rating is None else PowerRating(rating.max_charge_watts, rating.max_discharge_watts)

    def read(self, points: Sequence[str]) -> Mapping[str, float | None]:
        return {point: self._read(point) for point in points}

    def write(self, writes: Sequence[tuple[str, float]]) -> None:
        for point, value in writes:
            if self._reversion is not None and point == self._reversion[0]:
                self._reverts_after_s = min(value, self._reverts_after_s)
            elif point == SET_POINT and self._battery is not None:
                self._plant.command(self._id, value, self._reverts_after_s)

    def missing(self) -> Mapping[str, str]:
        return {}

    def close(self) -> None:
        """Nothing was opened."""

    def _read(self, point: str) -> float | None:
        if point == "ActivePower":
            return self._power()
        if self._battery is None:
            return READS_AS_WELL.get(point)
        if point == "Soc":
            return self._battery.soc_percent
        known = {"Cycles": self._battery.cycles, "Temperature": self._battery.temperature_celsius}
        return known.get(point, READS_AS_WELL.get(point))

    def _power(self) -> float:
        if self._battery is not None:
            return self._battery.power_watts
        kind = self._device.kind if self._device is not None else ""
        if kind == "grid_meter":
            return self._plant.grid_watts
        return self._plant.moment.pv_watts if kind == "pv_inverter" else self._plant.moment.load_watts


class PlantDevices(Devices):
    """The real devices of the runtime, read one after the other where nothing is waited for."""

    def poll(self, now_s: float, now_at: datetime) -> None:
        for device in self.by_id.values():
            device.poll(now_s, now_at)
