"""The controller classes that a document may name: one is made from its entry, by name.

The classes that this runtime does not have fail at their making, in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import time
from typing import Final
from zoneinfo import ZoneInfo

from edge_runtime.controllers import (
    Balancing,
    Controller,
    ControllerInitError,
    FixActivePower,
    LimitTotalDischarge,
)
from edge_runtime.peak_shaving import PeakShaving, Shaving, TimeSlotPeakShaving
from edge_runtime.relays import ChannelThreshold
from edge_runtime.slots import DAYS, WeeklySlot, has_zone

Made = Controller | ChannelThreshold
"""What steers batteries, and what switches relays."""


def make_controller(controller_id: str, class_name: str, parameters: Mapping[str, object]) -> Made:
    """The controller that a document entry asks for, its parameters already filled with defaults.

    Errors: ControllerInitError for a class that this runtime does not have, or a parameter missing.
    """
    maker = _MAKERS.get(class_name)
    if maker is None:
        raise ControllerInitError(controller_id, f"this runtime has no {class_name}")
    return maker(_Parameters(controller_id, parameters))


class _Parameters:
    """Numbers read out of a document entry; what is not there fails the controller's init by name."""

    def __init__(self, controller_id: str, values: Mapping[str, object]) -> None:
        self._id = controller_id
        self._values = values

    def number(self, name: str) -> float:
        value = self.optional(name)
        if value is None:
            raise ControllerInitError(self._id, f"parameter {name} is missing")
        return value

    def optional(self, name: str) -> float | None:
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ControllerInitError(self._id, f"parameter {name} is not a number")
        return float(value)

    def truth(self, name: str) -> bool:
        return self._values.get(name) is True

    def time_of_day(self, name: str) -> time:
        try:
            return time.fromisoformat(self.text(name))
        except ValueError as error:
            raise ControllerInitError(self._id, f"parameter {name} is no time of day like 17:00") from error

    def zone(self, name: str) -> ZoneInfo:
        key = self.text(name)
        if not has_zone(key):
            raise ControllerInitError(self._id, f"there is no time zone {key}")
        return ZoneInfo(key)

    def days(self, name: str) -> Sequence[str]:
        value = self._values.get(name, DAYS)
        if not isinstance(value, list | tuple) or not set(value) <= set(DAYS):
            raise ControllerInitError(self._id, f"parameter {name} must list days: {', '.join(DAYS)}")
        return value

    def text(self, name: str) -> str:
        value = self._values.get(name)
        if not isinstance(value, str):
            raise ControllerInitError(self._id, f"parameter {name} is missing")
        return value


def _balancing(parameters: _Parameters) -> Controller:
    return Balancing(
        target_grid_watts=parameters.number("target_grid_power"),
        deadband_watts=parameters.number("deadband_watts"),
    )


def _shaving(parameters: _Parameters) -> Shaving:
    recharge = parameters.number("recharge_threshold_watts") if parameters.truth("recharge_enabled") else None
    return Shaving(
        threshold_watts=parameters.number("threshold_watts"),
        recharge_threshold_watts=recharge,
        reserve_soc=parameters.number("reserve_soc"),
    )


def _peak_shaving(parameters: _Parameters) -> Controller:
    return PeakShaving(_shaving(parameters))


def _time_slot_peak_shaving(parameters: _Parameters) -> Controller:
    slot = WeeklySlot(
        days=parameters.days("days"),
        start=parameters.time_of_day("start_time"),
        end=parameters.time_of_day("end_time"),
        zone=parameters.zone("time_zone"),
    )
    return TimeSlotPeakShaving(_shaving(parameters), slot, hysteresis_soc=parameters.number("hysteresis_soc"))


def _limit_total_discharge(parameters: _Parameters) -> Controller:
    return LimitTotalDischarge(
        min_soc=parameters.number("min_soc"),
        force_charge_soc=parameters.number("force_charge_soc"),
        force_charge_watts=parameters.optional("force_charge_power"),
    )


def _fix_active_power(parameters: _Parameters) -> Controller:
    return FixActivePower(power_watts=parameters.number("power_watts"))


def _channel_threshold(parameters: _Parameters) -> ChannelThreshold:
    return ChannelThreshold(
        channel=parameters.text("channel"),
        output=parameters.text("output"),
        switch_on_at=parameters.number("switch_on_at"),
        switch_off_at=parameters.number("switch_off_at"),
        min_on_s=parameters.number("min_on_s"),
        min_off_s=parameters.number("min_off_s"),
    )


_MAKERS: Final[Mapping[str, Callable[[_Parameters], Made]]] = {
    "BalancingController": _balancing,
    "PeakShavingController": _peak_shaving,
    "TimeSlotPeakShavingController": _time_slot_peak_shaving,
    "LimitTotalDischargeController": _limit_total_discharge,
    "FixActivePowerController": _fix_active_power,
    "ChannelThresholdController": _channel_threshold,
}
