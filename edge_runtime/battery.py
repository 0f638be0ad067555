"""A battery simple enough to check by hand: capacity, efficiency, power limits, state of charge."""

from __future__ import annotations

import math
from dataclasses import dataclass

SECONDS_PER_HOUR = 3600.0
AMBIENT_CELSIUS = 21.0
CELSIUS_AT_FULL_POWER = 14.0


@dataclass(frozen=True, slots=True)
class BatteryRating:
    """What is printed on the battery. The efficiency is that of a round trip, half lost each way."""

    capacity_wh: float
    max_charge_watts: float
    max_discharge_watts: float
    round_trip_efficiency: float = 0.9


class Battery:
    """Follows its set-point at once, within its power limits and what it can still store or give."""

    def __init__(self, rating: BatteryRating, *, soc_percent: float) -> None:
        self.rating = rating
        self.set_point_watts = 0.0
        self._energy_wh = rating.capacity_wh * soc_percent / 100
        self._moved_wh = 0.0

    @property
    def power_watts(self) -> float:
        """Discharge +, charge -; zero against an empty or a full store."""
        wanted = min(
            max(self.set_point_watts, -self.rating.max_charge_watts), self.rating.max_discharge_watts
        )
        empty = self._energy_wh <= 0 and wanted > 0
        full = self._energy_wh >= self.rating.capacity_wh and wanted < 0
        return 0.0 if empty or full else wanted

    @property
    def soc_percent(self) -> float:
        return 100 * self._energy_wh / self.rating.capacity_wh

    @property
    def cycles(self) -> float:
        """Full cycles so far: energy moved through the cells over twice the capacity."""
        return self._moved_wh / (2 * self.rating.capacity_wh)

    @property
    def temperature_celsius(self) -> float:
        strongest = max(self.rating.max_charge_watts, self.rating.max_discharge_watts)
        return AMBIENT_CELSIUS + CELSIUS_AT_FULL_POWER * abs(self.power_watts) / strongest

    def advance(self, seconds: float) -> None:
        """Let the present power flow for so long; the store stops at empty and at full."""
        one_way = math.sqrt(self.rating.round_trip_efficiency)
        power = self.power_watts
        drawn_wh = power * seconds / SECONDS_PER_HOUR
        change = -drawn_wh / one_way if power > 0 else -drawn_wh * one_way
        before = self._energy_wh
        self._energy_wh = min(max(before + change, 0.0), self.rating.capacity_wh)
        self._moved_wh += abs(self._energy_wh - before)
