"""The closed-loop filter between a wanted set-point and the one that is sent (config-model.md)."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.interval import Interval

ERROR_SUM_LIMIT = 10
ROUNDING_WATTS = 1.0


@dataclass(frozen=True, slots=True)
class Gains:
    """Proportional, integral and derivative weight of the filter, per cycle and without unit."""

    proportional: float = 0.3
    integral: float = 0.3
    derivative: float = 0.1


class PidFilter:
    """out = P*error + I*sum(errors before) - D*(measured - measured before), kept within the limits.

    It starts without a bump: the sum is set so that the filter holds the power measured at its first cycle.
    And it goes on from what was really sent: where another controller or a limit decided otherwise, the sum
    would go on growing against it, and the filter come back only long after that limit is gone.
    """

    def __init__(self, gains: Gains = Gains()) -> None:
        self._gains = gains
        self._error_sum = 0.0
        self._measured: float | None = None
        self._asked: float | None = None

    def reset(self) -> None:
        self._error_sum = 0.0
        self._measured = self._asked = None

    def next(self, *, target: float, measured: float, limits: Interval, sent: float | None = None) -> float:
        """The next set-point. `sent` is the one that stands at the battery now, None where nobody knows."""
        gains = self._gains
        if self._measured is None:
            self._measured = measured
            self._error_sum = measured / gains.integral
        elif sent is not None and self._asked is not None and abs(sent - self._asked) > ROUNDING_WATTS:
            self._error_sum = sent / gains.integral
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
        self._asked = limits.clamp(out)
        return self._asked


def _bounded(value: float, bound: float) -> float:
    return min(max(value, -bound), bound)
