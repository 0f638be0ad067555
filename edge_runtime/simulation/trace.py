"""What a simulated run leaves behind: one row a cycle, seen from the devices' side."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from edge_runtime.cycle import Measure


def _column() -> array[float]:
    return array("d")


@dataclass(slots=True)
class Trace:
    """Powers in watts (grid import +, discharge +), at the end of each cycle; charge in percent.

    `relieved` is the grid at once after the set-points of a cycle were written; `shown` the charge on which
    they were decided.
    """

    step_s: float
    start_at: datetime
    load: array[float] = field(default_factory=_column)
    pv: array[float] = field(default_factory=_column)
    grid: array[float] = field(default_factory=_column)
    relieved: array[float] = field(default_factory=_column)
    ess: dict[str, array[float]] = field(default_factory=dict)
    shown: dict[str, array[float]] = field(default_factory=dict)

    @property
    def cycles(self) -> int:
        return len(self.grid)

    def delivered(self, index: int) -> float:
        return sum(column[index] for column in self.ess.values())


@dataclass(slots=True)
class AlarmTally:
    """How often an alarm was raised, and for how many cycles it stood."""

    severity: str
    rule: str
    message: str
    raised: int = 0
    cycles: int = 0
    since: str = ""


@dataclass(slots=True)
class Outcome:
    """A whole run. `energy_wh` per battery at its start and at its end."""

    trace: Trace
    measure: Measure
    alarms: dict[str, AlarmTally]
    controllers: dict[str, dict[str, Any]]
    energy_wh: dict[str, tuple[float, float]]
    full_cycles: dict[str, float]
    took_s: float
