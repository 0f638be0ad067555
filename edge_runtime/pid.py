"""The closed-loop filter between a wanted set-point and the one that is sent (config-model.md)."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.interval import Interval

ERROR_SUM_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Gains:
    """Proportional, integral and derivative weight of the filter, per cycle and without unit."""

    proportional: float = 0.3
    integral: float = 0.3
    derivative: float = 0.1


class PidFilter:
    """out = P*error + I*sum(errors before) - D*(measured - measured before), kept within the limits.

    It starts without a bump: the sum is set so that the filter holds the power measured at its first cycle.
    """

    def __init__(self, gains: Gains = Gains()) -> None:
        self._gains = gains
        self._error_sum = 0.0
        self._measured: float | None = None

    def reset(self) -> None:
        self._error_sum = 0.0
        self._measured = None

    def next(self, *, target: float, measured: float, limits: Interval) -> float:
        gains = self._gains
        if self._measured is None:
            self._measured = measured
            self._error_sum = measured / gains.integral
        error = limits.clamp(target) - measured
        out = (
            gains.proportional * error
            + gains.integral * self._error_sum
            - gains.derivative * (measured - self._measured)
        )
        self._measured = measured
        self._error_sum = _bounded(
            self._error_sum + error, ERROR_SUM_LIMIT * max(-limits.low, limits.high, 0.0)
        )
        return limits.clamp(out)


def _bounded(value: float, bound: float) -> float:
    return min(max(value, -bound), bound)
