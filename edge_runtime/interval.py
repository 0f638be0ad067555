"""What a battery may still be told in this cycle: a closed interval of watts, discharge positive."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """Watts from `low` to `high`, both included; discharge +, charge -."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"an interval from {self.low} to {self.high} is empty")

    def clamp(self, watts: float) -> float:
        return min(max(watts, self.low), self.high)

    def narrow(self, low: float = -math.inf, high: float = math.inf) -> Interval:
        """Keep what lies between `low` and `high`.

        Nothing in common: what was decided earlier wins, and the request moves to its nearest point
        (config-model.md, Priority: a later controller never overwrites an earlier result).
        """
        return Interval(self.clamp(low), self.clamp(high))

    def fix(self, watts: float) -> Interval:
        return self.narrow(watts, watts)

    @property
    def least_effort(self) -> float:
        """The set-point that moves the least power: the point nearest to zero."""
        return self.clamp(0.0)
