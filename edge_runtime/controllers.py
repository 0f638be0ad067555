"""The controllers: each narrows the interval that earlier ones left to a battery."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
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

    `power` is what device and local limits allow; `at_s` is the plant's own running time in seconds,
    `now_at` the wall time; at `soc_max` percent the battery counts as full; `sent_watts` is the set-point
    that stands there since the cycle before, None where none is known to: a battery just met, or away since.
    """

    grid_watts: float | None
    ess_watts: float | None
    soc_percent: float | None
    power: Interval
    at_s: float
    now_at: datetime
    soc_max: float = 100.0
    sent_watts: float | None = None


class Controller(Protocol):
    """Narrows what is left; never widens it."""

    needs_grid: bool

    def act(self, inputs: Inputs, left: Interval) -> Interval: ...

    def go_on_from(self, before: object) -> None:
        """Take over what the same controller with other parameters remembers of its battery."""


class Balancing:
    """Holds the grid connection at its target: an equality, filtered by the PID.

    Both words of `priority` follow this one law: the design gives `grid_support` no law of its own.
    """

    needs_grid = True

    def __init__(self, *, target_grid_watts: float, deadband_watts: float) -> None:
        self._target = target_grid_watts
        self._deadband = deadband_watts
        self._pid = PidFilter()

    def act(self, inputs: Inputs, left: Interval) -> Interval:
        grid, ess = inputs.grid_watts, inputs.ess_watts
        if grid is None or ess is None:
            self._pid.reset()
            return left
        if abs(grid - self._target) <= self._deadband:
            return left.fix(ess if inputs.sent_watts is None else inputs.sent_watts)
        wanted = laws.balancing(grid, ess, self._target)
        return left.fix(self._pid.next(target=wanted, measured=ess, limits=left, sent=inputs.sent_watts))

    def go_on_from(self, before: object) -> None:
        if isinstance(before, Balancing):
            self._pid = before._pid


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

    def go_on_from(self, before: object) -> None:
        if isinstance(before, LimitTotalDischarge):
            self._state, self._changed_at_s = before._state, before._changed_at_s

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

    def go_on_from(self, before: object) -> None:
        """It remembers nothing."""
