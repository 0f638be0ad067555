"""The controllers: each narrows the interval that earlier ones left to a battery.

The classes that a document may name and this runtime does not have fail at their making, in words.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from edge_runtime import laws
from edge_runtime.interval import Interval
from edge_runtime.pid import PidFilter

STATE_DWELL_S = 300.0
"""A discharge limit is loosened only this long after it was last changed."""


class ControllerInitError(Exception):
    """A controller that cannot be made or cannot act as configured."""

    def __init__(self, controller_id: str, reason: str) -> None:
        super().__init__(f"controller init failed: {controller_id}: {reason}")


@dataclass(frozen=True, slots=True)
class Inputs:
    """One battery and its grid meter as the frozen process image shows them; None is undefined.

    `power` is what device and local limits allow; `at_s` is the plant's own running time in seconds.
    """

    grid_watts: float | None
    ess_watts: float | None
    soc_percent: float | None
    power: Interval
    at_s: float


class Controller(Protocol):
    """Narrows what is left; never widens it."""

    needs_grid: bool

    def act(self, inputs: Inputs, left: Interval) -> Interval: ...


class Balancing:
    """Holds the grid connection at its target: an equality, filtered by the PID.

    Both words of `priority` follow this one law: the design gives `grid_support` no law of its own.
    """

    needs_grid = True

    def __init__(self, *, target_grid_watts: float, deadband_watts: float) -> None:
        self._target = target_grid_watts
        self._deadband = deadband_watts
        self._pid = PidFilter()
        self._sent: float | None = None

    def act(self, inputs: Inputs, left: Interval) -> Interval:
        grid, ess = inputs.grid_watts, inputs.ess_watts
        if grid is None or ess is None:
            self._pid.reset()
            self._sent = None
            return left
        if abs(grid - self._target) <= self._deadband:
            held = ess if self._sent is None else self._sent
            return left.fix(held)
        wanted = laws.balancing(grid, ess, self._target)
        self._sent = self._pid.next(target=wanted, measured=ess, limits=left)
        return left.fix(self._sent)


class PeakShaving:
    """Keeps the grid connection below its peak with inequalities, so that others may use the rest.

    Below the peak it asks for nothing and only forbids charging that would make one. What lies under
    `reserve_soc` is kept for peaks: nobody after it discharges more than the peak needs.
    """

    needs_grid = True

    def __init__(
        self, *, threshold_watts: float, recharge_threshold_watts: float | None, reserve_soc: float
    ) -> None:
        self._peak = threshold_watts
        self._recharge = recharge_threshold_watts
        self._reserve_soc = reserve_soc
        self._pid = PidFilter()

    def act(self, inputs: Inputs, left: Interval) -> Interval:
        grid, ess = inputs.grid_watts, inputs.ess_watts
        if grid is None or ess is None:
            self._pid.reset()
            return left
        real = laws.real_power(grid, ess)
        if real >= self._peak:
            needed = self._pid.next(target=real - self._peak, measured=ess, limits=left)
            return self._reserved(inputs, left.narrow(low=needed), spare=max(needed, 0.0))
        guarded = left.narrow(low=real - self._peak)
        if self._recharge is not None and real <= self._recharge:
            at_most = self._pid.next(target=real - self._recharge, measured=ess, limits=guarded)
            guarded = guarded.narrow(high=at_most)
        else:
            self._pid.reset()
        return self._reserved(inputs, guarded, spare=0.0)

    def _reserved(self, inputs: Inputs, left: Interval, *, spare: float) -> Interval:
        if inputs.soc_percent is None or inputs.soc_percent > self._reserve_soc:
            return left
        return left.narrow(high=spare)


class DischargeState(enum.IntEnum):
    """Ordered from free to strict, so that `max` picks the stricter."""

    NORMAL = 0
    MIN_SOC = 1
    FORCE_CHARGE_SOC = 2


class LimitTotalDischarge:
    """No discharge at or below `min_soc`, forced charging at or below `force_charge_soc`.

    Stricter at once, looser only after the dwell time. An unknown state of charge forbids discharge.
    """

    needs_grid = False

    def __init__(self, *, min_soc: float, force_charge_soc: float, force_charge_watts: float | None) -> None:
        self._min_soc = min_soc
        self._force_soc = force_charge_soc
        self._force_watts = force_charge_watts
        self._state = DischargeState.NORMAL
        self._changed_at_s: float | None = None

    def act(self, inputs: Inputs, left: Interval) -> Interval:
        if inputs.soc_percent is None:
            return left.narrow(high=0.0)
        self._settle(self._wanted(inputs.soc_percent), inputs.at_s)
        if self._state is DischargeState.NORMAL:
            return left
        if self._state is DischargeState.MIN_SOC:
            return left.narrow(high=0.0)
        force = -inputs.power.low / 5 if self._force_watts is None else self._force_watts
        return left.narrow(high=-force)

    def _wanted(self, soc: float) -> DischargeState:
        if soc <= self._force_soc:
            return DischargeState.FORCE_CHARGE_SOC
        return DischargeState.MIN_SOC if soc <= self._min_soc else DischargeState.NORMAL

    def _settle(self, wanted: DischargeState, at_s: float) -> None:
        dwelt = self._changed_at_s is None or at_s - self._changed_at_s >= STATE_DWELL_S
        if wanted > self._state or (wanted < self._state and dwelt):
            self._state = wanted
            self._changed_at_s = at_s


class FixActivePower:
    """One power, open loop: nothing is filtered."""

    needs_grid = False

    def __init__(self, *, power_watts: float) -> None:
        self._power = power_watts

    def act(self, inputs: Inputs, left: Interval) -> Interval:
        del inputs
        return left.fix(self._power)


def make_controller(controller_id: str, class_name: str, parameters: Mapping[str, object]) -> Controller:
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


def _balancing(parameters: _Parameters) -> Controller:
    return Balancing(
        target_grid_watts=parameters.number("target_grid_power"),
        deadband_watts=parameters.number("deadband_watts"),
    )


def _peak_shaving(parameters: _Parameters) -> Controller:
    recharge = parameters.number("recharge_threshold_watts") if parameters.truth("recharge_enabled") else None
    return PeakShaving(
        threshold_watts=parameters.number("threshold_watts"),
        recharge_threshold_watts=recharge,
        reserve_soc=parameters.number("reserve_soc"),
    )


def _limit_total_discharge(parameters: _Parameters) -> Controller:
    return LimitTotalDischarge(
        min_soc=parameters.number("min_soc"),
        force_charge_soc=parameters.number("force_charge_soc"),
        force_charge_watts=parameters.optional("force_charge_power"),
    )


def _fix_active_power(parameters: _Parameters) -> Controller:
    return FixActivePower(power_watts=parameters.number("power_watts"))


_MAKERS = {
    "BalancingController": _balancing,
    "PeakShavingController": _peak_shaving,
    "LimitTotalDischargeController": _limit_total_discharge,
    "FixActivePowerController": _fix_active_power,
}
