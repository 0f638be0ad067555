"""The simulated house behind a site file: its use, its roof, its grid meter and its batteries."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from edge_runtime.battery import Battery
from edge_runtime.field import FieldDevice, PowerRating, UnreachableError
from edge_runtime.recording import Moment
from edge_runtime.settings import DeviceSettings
from edge_runtime.site import Defect, Site, SiteDevice

EXIT_OF_A_DEFECT: Final = 70
NOMINAL_VOLTS: Final = 230.0
NOMINAL_HERTZ: Final = 50.0
# SunSpec model 103, St.
SLEEPING: Final = 2.0
PRODUCING: Final = 4.0

Clock = Callable[[], float]
Readings = dict[str, float]


class House:
    """The plant in time. `clock` gives monotonic seconds; `speed` plant seconds pass in each of them."""

    def __init__(self, site: Site, *, clock: Clock, speed: float = 1.0) -> None:
        self._site = site
        self._clock = clock
        self._speed = speed
        self._started_s = self._advanced_s = clock()
        self._lock = threading.Lock()
        self._batteries = {
            name: Battery(device.battery, soc_percent=device.initial_soc)
            for name, device in site.devices.items()
            if device.battery is not None
        }
        self._written_s: dict[str, float] = {}
        self._switched: dict[str, Readings] = {
            name: {} for name, device in site.devices.items() if device.kind == "relay"
        }

    @property
    def running_s(self) -> float:
        """How long the plant has run, in its own seconds."""
        return (self._clock() - self._started_s) * self._speed

    def device(self, settings: DeviceSettings) -> FieldDevice:
        """Whatever answers under this name; a device that the site file does not have never does."""
        device = self._site.devices.get(settings.device_id)
        if device is None or device.absent:
            return AbsentDevice(settings.device_id)
        return HouseDevice(self, settings, device, self._clock)

    def readings(self, device_id: str) -> Readings:
        with self._lock:
            self._advance()
            moment = self._site.house.at(self._site.house.start_at + timedelta(seconds=self.running_s))
            return self._measure(device_id, moment)

    def command(self, device_id: str, watts: float) -> None:
        with self._lock:
            self._advance()
            self._batteries[device_id].set_point_watts = watts
            self._written_s[device_id] = self._clock()

    def switch(self, device_id: str, point: str, value: float) -> None:
        with self._lock:
            self._switched[device_id][point] = value

    def _advance(self) -> None:
        now = self._clock()
        for name, battery in self._batteries.items():
            battery.advance((now - self._advanced_s) * self._speed)
            if now - self._written_s.get(name, now) > self._site.devices[name].reverts_after_s:
                battery.set_point_watts = 0.0
        self._advanced_s = now

    def _measure(self, device_id: str, moment: Moment) -> Readings:
        kind = self._site.devices[device_id].kind
        if kind == "battery":
            return _battery_readings(self._batteries[device_id])
        if kind == "pv_inverter":
            return _inverter_readings(moment.pv_watts)
        if kind == "relay":
            return dict(self._switched[device_id])
        if kind == "consumption_meter":
            return _meter_readings(moment.load_watts)
        delivered = sum(battery.power_watts for battery in self._batteries.values())
        return _meter_readings(moment.load_watts - moment.pv_watts - delivered)


def _meter_readings(watts: float) -> Readings:
    return {
        "ActivePower": watts,
        **dict.fromkeys(("ActivePowerA", "ActivePowerB", "ActivePowerC"), watts / 3),
        "Current": abs(watts) / NOMINAL_VOLTS,
        "VoltageA": NOMINAL_VOLTS,
        "Frequency": NOMINAL_HERTZ,
    }


def _inverter_readings(watts: float) -> Readings:
    return {
        "ActivePower": watts,
        "Status": PRODUCING if watts > 0 else SLEEPING,
        "DcPower": watts,
        "Current": watts / NOMINAL_VOLTS,
        "VoltageA": NOMINAL_VOLTS,
        "Frequency": NOMINAL_HERTZ,
    }


def _battery_readings(battery: Battery) -> Readings:
    return {
        "ActivePower": battery.power_watts,
        "SetActivePower": battery.set_point_watts,
        "Soc": battery.soc_percent,
        "Soh": 100.0,
        "Cycles": battery.cycles,
        "Temperature": battery.temperature_celsius,
        "Capacity": battery.rating.capacity_wh,
        "MaxChargePower": battery.rating.max_charge_watts,
        "MaxDischargePower": battery.rating.max_discharge_watts,
    }


class HouseDevice:
    """One device of the house, as slow and as faulty as its site file says."""

    def __init__(self, house: House, settings: DeviceSettings, site: SiteDevice, clock: Clock) -> None:
        self._house = house
        self._id = settings.device_id
        self._gap_s = settings.request_gap_s
        self._site = site
        self._clock = clock
        self._since_s = clock()
        self._never = threading.Event()

    def session(self) -> int:
        return 0

    def serial(self) -> str:
        self._answer()
        return self._site.serial

    def doubt(self) -> None:
        """It has no places."""

    def power_rating(self) -> PowerRating | None:
        rating = self._site.battery
        return PowerRating(rating.max_charge_watts, rating.max_discharge_watts) if rating else None

    def read(self, points: Sequence[str]) -> Mapping[str, float | None]:
        self._wait_for_the_bus()
        return {point: self._read(point) for point in points}

    def write(self, writes: Sequence[tuple[str, float]]) -> None:
        self._wait_for_the_bus()
        for point, value in writes:
            self._answer()
            if point == "SetActivePower" and self._site.battery is not None:
                self._house.command(self._id, value)
            elif self._site.kind == "relay":
                self._house.switch(self._id, point, value)

    def missing(self) -> Mapping[str, str]:
        return {}

    def close(self) -> None:
        """A recording has nothing to close."""

    def _read(self, point: str) -> float | None:
        self._answer()
        return self._house.readings(self._id).get(point, 0.0 if self._site.kind == "relay" else None)

    def _wait_for_the_bus(self) -> None:
        if self._gap_s:
            self._never.wait(self._gap_s)

    def _answer(self) -> None:
        if self._site.answer_ms:
            self._never.wait(self._site.answer_ms / 1000)
        defect = self._site.defect
        if defect is not None and self._clock() - self._since_s >= defect.after_s:
            self._fail(defect)

    def _fail(self, defect: Defect) -> None:
        if defect.kind == "exit":
            os._exit(EXIT_OF_A_DEFECT)
        if defect.kind == "hang":
            self._never.wait()
        raise RuntimeError(f"{self._id}: the driver crashed (a defect of the site file)")


class AbsentDevice:
    """Nothing is connected under this name."""

    def __init__(self, device_id: str) -> None:
        self._id = device_id

    def session(self) -> int:
        raise UnreachableError(f"{self._id} does not answer")

    def serial(self) -> str:
        raise UnreachableError(f"{self._id} does not answer")

    def doubt(self) -> None:
        """It has no places."""

    def power_rating(self) -> PowerRating | None:
        return None

    def read(self, points: Sequence[str]) -> Mapping[str, float | None]:
        raise UnreachableError(f"{self._id} does not answer ({', '.join(points)})")

    def write(self, writes: Sequence[tuple[str, float]]) -> None:
        raise UnreachableError(f"{self._id} does not answer ({', '.join(point for point, _ in writes)})")

    def missing(self) -> Mapping[str, str]:
        return {}

    def close(self) -> None:
        """Nothing was opened."""
