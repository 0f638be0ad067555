"""What a run is judged by: energy that closes, limits that hold, peaks that were held when they could be.

Computed from the devices' side alone; nothing of the controllers' laws is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from edge_runtime.document import Document
from edge_runtime.recording import Recording
from edge_runtime.simulation.feasibility import could_hold
from edge_runtime.simulation.physics import Connection, Store
from edge_runtime.simulation.trace import Outcome, Trace
from edge_runtime.site import HouseSource
from edge_runtime.slots import WeeklySlot

HAIR_WATTS: Final = 1e-6
GRID_HAIR_WATTS: Final = 1.0
"""A set-point is a whole number of watts."""
PEAK_SHARE: Final = 0.01
PEAK_WATTS: Final = 20.0
"""A peak is import above its threshold by more than a class 1 meter can tell, and by more than 20 W."""
SETTLING_CYCLES: Final = 20
"""The published filter takes so many cycles to follow a jump of the load; what lasts longer counts."""
QUARTER_HOUR_S: Final = 900.0
ALWAYS: Final = "PeakShavingController"
IN_SLOT: Final = "TimeSlotPeakShavingController"


@dataclass(frozen=True, slots=True)
class Peaks:
    """Cycles above the threshold: `avoidable` ones, those of them in which the battery had power and energy
    at that very moment (`held_back`), and those that no battery of this size could have held.
    """

    avoidable: int
    held_back: int
    unavoidable: int


# --- energy


def energy_balance_error(outcome: Outcome, house: HouseSource, stores: Sequence[Store]) -> float:
    """The worse of two relative errors: at the connection, and inside the batteries.

    At the connection the recorded use, integrated from the recording itself, must be what the meters of grid,
    roof and batteries add up to; inside, what is stored must be what went in and out less the losses.
    """
    trace = outcome.trace
    hours = trace.step_s / 3600
    metered_wh = sum(
        grid + pv + trace.delivered(index)
        for index, (grid, pv) in enumerate(zip(trace.grid, trace.pv, strict=True))
    )
    used_wh = recorded_wh(house, trace.cycles * trace.step_s)
    errors = [abs(metered_wh * hours - used_wh) / max(used_wh, 1.0)]
    errors += [_store_error(outcome, store) for store in stores]
    return max(errors)


def recorded_wh(house: HouseSource, seconds: float) -> float:
    """Exact integral of the recorded use, which runs in straight lines between the middles of the hours."""
    recording, start = house.recording, house.start_at
    end = start + timedelta(seconds=seconds)
    corners = [start, *_middles(recording, start, end), end]
    total = 0.0
    for one, other in pairwise(corners):
        mean = (house.at(one).load_watts + house.at(other).load_watts) / 2
        total += mean * (other - one).total_seconds() / 3600
    return total


def _middles(recording: Recording, start: datetime, end: datetime) -> Iterator[datetime]:
    middle = recording.first_hour_at + timedelta(minutes=30)
    middle += math.ceil((start - middle) / timedelta(hours=1)) * timedelta(hours=1)
    while middle < end:
        yield middle
        middle += timedelta(hours=1)


def _store_error(outcome: Outcome, store: Store) -> float:
    hours = outcome.trace.step_s / 3600
    column = outcome.trace.ess[store.name]
    charged_wh = -hours * sum(watts for watts in column if watts < 0)
    drawn_wh = hours * sum(watts for watts in column if watts > 0)
    before, after = outcome.energy_wh[store.name]
    expected = charged_wh * store.one_way - drawn_wh / store.one_way
    return abs(after - before - expected) / max(charged_wh + drawn_wh, 1.0)


# --- limits


def limit_violations(trace: Trace, stores: Sequence[Store], connection: Connection) -> int:
    """Cycles in which a battery left its power or charge limits, or the connection its own without need."""
    return sum(_breaks(trace, stores, connection, index) for index in range(trace.cycles))


def _breaks(trace: Trace, stores: Sequence[Store], connection: Connection, index: int) -> bool:
    up = down = 0.0
    for store in stores:
        watts, shown = trace.ess[store.name][index], trace.shown[store.name][index]
        most = store.discharge_watts if shown > store.floor_percent else 0.0
        least = -store.charge_watts if shown < store.ceiling_percent else 0.0
        if watts > most + HAIR_WATTS or watts < least - HAIR_WATTS:
            return True
        up, down = up + most - watts, down + watts - least
    over = trace.relieved[index] - connection.max_import_watts
    under = -connection.max_export_watts - trace.relieved[index]
    return (over > GRID_HAIR_WATTS and up > GRID_HAIR_WATTS) or (
        under > GRID_HAIR_WATTS and down > GRID_HAIR_WATTS
    )


# --- peaks


def thresholds(document: Document, trace: Trace) -> list[float]:
    """Per cycle what the enabled peak shaving controllers hold the import to; infinite where none does."""
    found = [math.inf] * trace.cycles
    for entry in document.controllers:
        if not entry["enabled"] or entry["class"] not in (ALWAYS, IN_SLOT):
            continue
        watts = float(entry["parameters"]["threshold_watts"])
        slot = _slot(entry["parameters"]) if entry["class"] == IN_SLOT else None
        for index in range(trace.cycles):
            at = trace.start_at + timedelta(seconds=(index + 1) * trace.step_s)
            if slot is None or slot.is_open(at):
                found[index] = min(found[index], watts)
    return found


def _slot(parameters: Any) -> WeeklySlot:
    start, end = (time.fromisoformat(parameters[name]) for name in ("start_time", "end_time"))
    return WeeklySlot(parameters["days"], start, end, ZoneInfo(parameters["time_zone"]))


def judge_peaks(trace: Trace, asked: Sequence[float], stores: Sequence[Store]) -> Peaks:
    """Count the cycles above their threshold; a jump of the load is given the filter's time to settle."""
    real = [load - pv for load, pv in zip(trace.load, trace.pv, strict=True)]
    could = could_hold(real, asked, stores, trace.step_s)
    avoidable = held_back = unavoidable = run = 0
    for index, threshold in enumerate(asked):
        over = trace.grid[index] > threshold + max(PEAK_SHARE * threshold, PEAK_WATTS)
        run = run + 1 if over and could[index] else 0
        if over and not could[index]:
            unavoidable += 1
        elif run > SETTLING_CYCLES:
            avoidable += 1
            held_back += _had_more(trace, stores, index)
    return Peaks(avoidable, held_back, unavoidable)


def _had_more(trace: Trace, stores: Sequence[Store], index: int) -> bool:
    return any(
        trace.shown[store.name][index] > store.floor_percent
        and trace.ess[store.name][index] < store.discharge_watts - GRID_HAIR_WATTS
        for store in stores
    )


def quarter_hour_peak(watts: Sequence[float], step_s: float) -> float:
    """The highest mean over a quarter of an hour, as it is billed."""
    size = max(round(QUARTER_HOUR_S / step_s), 1)
    return max((sum(part) / len(part) for part in _parts(watts, size)), default=0.0)


def _parts(watts: Sequence[float], size: int) -> Iterator[Sequence[float]]:
    for start in range(0, len(watts), size):
        yield watts[start : start + size]
