"""The control laws of config-model.md as arithmetic. Watts; discharge +, charge -; grid import +."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_runtime.interval import Interval


def real_power(grid_watts: float, ess_watts: float) -> float:
    """What the grid connection would draw without the battery."""
    return grid_watts + ess_watts


def balancing(grid_watts: float, ess_watts: float, target_grid_watts: float) -> float:
    """The battery power at which the grid connection draws its target."""
    return real_power(grid_watts, ess_watts) - target_grid_watts


def ramped(target: float, before: float, step: float) -> float:
    """At most `step` watts away from the set-point of the cycle before."""
    return min(max(target, before - step), before + step)


@dataclass(frozen=True, slots=True)
class GridLimits:
    """What the grid connection may import and export, in positive watts."""

    max_import_watts: float = math.inf
    max_export_watts: float = math.inf

    @property
    def bind(self) -> bool:
        return math.isfinite(self.max_import_watts) or math.isfinite(self.max_export_watts)


@dataclass(frozen=True, slots=True)
class Connection:
    """A grid connection: what it would draw without the battery, and what it may."""

    real_watts: float
    limits: GridLimits


@dataclass(frozen=True, slots=True)
class Guard:
    """Everything that the last word of a cycle is judged by, for one battery."""

    power: Interval
    soc_percent: float | None
    soc_min: float
    soc_max: float
    grid_known: bool
    power_known: bool
    connections: Sequence[Connection]


@dataclass(frozen=True, slots=True)
class LastWord:
    """The set-point that is sent, and every rule that changed it."""

    watts: float
    reasons: tuple[str, ...]


def last_word(wanted: float, guard: Guard) -> LastWord:
    """The final clamp. Undefined inputs give 0 W; device and state-of-charge bounds beat the grid's."""
    missing = tuple(_missing(guard))
    if missing:
        return LastWord(guard.power.clamp(0.0), missing)
    watts, reasons = wanted, []
    for name, bounds in _bounds(guard):
        kept = bounds.clamp(watts)
        if kept != watts:
            reasons.append(name)
        watts = kept
    return LastWord(watts, tuple(reasons))


def _missing(guard: Guard) -> Iterator[str]:
    if guard.soc_percent is None:
        yield "soc_undefined"
    if not guard.grid_known:
        yield "grid_undefined"
    if not guard.power_known:
        yield "power_undefined"


def _bounds(guard: Guard) -> Iterator[tuple[str, Interval]]:
    for connection in guard.connections:
        yield "grid_limit", _grid_bounds(connection.real_watts, connection.limits)
    yield "power_limit", guard.power
    soc = guard.soc_percent
    if soc is not None and soc <= guard.soc_min:
        yield "soc_min", Interval(-math.inf, 0.0)
    if soc is not None and soc >= guard.soc_max:
        yield "soc_max", Interval(0.0, math.inf)


def _grid_bounds(real_watts: float, grid: GridLimits) -> Interval:
    """Import L - P <= max_import, export P - L <= max_export."""
    return Interval(real_watts - grid.max_import_watts, real_watts + grid.max_export_watts)
