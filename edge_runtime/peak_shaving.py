"""Peak shaving by inequalities, always or in a time slot: others may use what it leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_runtime import laws
from edge_runtime.controllers import Inputs
from edge_runtime.interval import Interval
from edge_runtime.pid import PidFilter
from edge_runtime.slots import WeeklySlot


@dataclass(frozen=True, slots=True)
class Shaving:
    """`recharge_threshold_watts` None: never recharged from the grid. `reserve_soc` in percent."""

    threshold_watts: float
    recharge_threshold_watts: float | None
    reserve_soc: float


class PeakShaving:
    """Keeps the grid connection below its peak.

    Below the peak it asks for nothing and only forbids charging that would make one. What lies under
    `reserve_soc` is kept for peaks: nobody after it discharges more than the peak needs.
    """

    needs_grid = True

    def __init__(self, shaving: Shaving) -> None:
        self._shaving = shaving
        self._pid = PidFilter()

    def act(self, inputs: Inputs, left: Interval) -> Interval:
        grid, ess = inputs.grid_watts, inputs.ess_watts
        if grid is None or ess is None:
            self._pid.reset()
            return left
        real, peak = laws.real_power(grid, ess), self._peak(inputs)
        if real >= peak:
            needed = self._filtered(inputs, real - peak, ess, left)
            return self._reserved(inputs, left.narrow(low=needed), spare=max(needed, 0.0))
        return self._reserved(inputs, self._below(inputs, real, ess, left.narrow(low=real - peak)), spare=0.0)

    def go_on_from(self, before: object) -> None:
        if isinstance(before, PeakShaving):
            self._pid = before._pid

    def _peak(self, inputs: Inputs) -> float:
        """What the grid connection may draw now."""
        del inputs
        return self._shaving.threshold_watts

    def _recharge(self, inputs: Inputs) -> float | None:
        """Below which real power the battery is charged from the grid now."""
        del inputs
        return self._shaving.recharge_threshold_watts

    def _below(self, inputs: Inputs, real: float, ess: float, guarded: Interval) -> Interval:
        recharge = self._recharge(inputs)
        if recharge is None or real > recharge:
            self._pid.reset()
            return guarded
        return guarded.narrow(high=self._filtered(inputs, real - recharge, ess, guarded))

    def _filtered(self, inputs: Inputs, target: float, ess: float, limits: Interval) -> float:
        return self._pid.next(target=target, measured=ess, limits=limits, sent=inputs.sent_watts)

    def _reserved(self, inputs: Inputs, left: Interval, *, spare: float) -> Interval:
        if inputs.soc_percent is None or inputs.soc_percent > self._shaving.reserve_soc:
            return left
        return left.narrow(high=spare)


class TimeSlotPeakShaving(PeakShaving):
    """Shaves peaks only while its slot is open; recharging and the reserve hold at all times.

    Once full, the battery is recharged from the grid only after it has fallen `hysteresis_soc` percent
    points below full: it is not topped up all night for the few watts that it loses.
    """

    def __init__(self, shaving: Shaving, slot: WeeklySlot, *, hysteresis_soc: float) -> None:
        super().__init__(shaving)
        self._slot = slot
        self._hysteresis_soc = hysteresis_soc
        self._was_full = False

    def go_on_from(self, before: object) -> None:
        super().go_on_from(before)
        if isinstance(before, TimeSlotPeakShaving):
            self._was_full = before._was_full

    def _peak(self, inputs: Inputs) -> float:
        return self._shaving.threshold_watts if self._slot.is_open(inputs.now_at) else math.inf

    def _recharge(self, inputs: Inputs) -> float | None:
        soc = inputs.soc_percent
        if soc is not None:
            again = soc < inputs.soc_max - self._hysteresis_soc
            self._was_full = soc >= inputs.soc_max or (self._was_full and not again)
        return None if self._was_full else self._shaving.recharge_threshold_watts
