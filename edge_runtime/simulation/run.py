"""Seven days in a minute: the real core, devices and controllers over the recorded house."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, Final

from edge_runtime.core import Core, Turn
from edge_runtime.cycle import Measure
from edge_runtime.document import Document
from edge_runtime.limits import LocalLimits
from edge_runtime.simulation.plant import Plant, PlantDevices
from edge_runtime.simulation.trace import AlarmTally, Outcome, Trace
from edge_runtime.site import Site

DAY_S: Final = 86_400


def simulate(
    document: Document, site: Site, limits: LocalLimits, *, days: float, clock: Callable[[], float]
) -> Outcome:
    """Run a document for so many days of the recording. `clock` gives real seconds: how long turns took.

    Errors: CoreError when its controllers fail too often, as in the real cycle.
    """
    plant = Plant(site)
    core = Core(PlantDevices(plant, limits), limits)
    core.load(document)
    step_s = document.period_ms / 1000
    runner = _Runner(plant, core, Trace(step_s, plant.now_at), document, clock)
    began_s, before = clock(), _energy(plant)
    for _ in range(round(days * DAY_S / step_s)):
        runner.cycle()
    after = _energy(plant)
    return Outcome(
        trace=runner.trace,
        measure=runner.measure,
        alarms=runner.alarms,
        controllers=core.health()["controllers"],
        energy_wh={name: (before[name], after[name]) for name in before},
        full_cycles={name: battery.cycles for name, battery in plant.batteries.items()},
        took_s=clock() - began_s,
    )


def _energy(plant: Plant) -> dict[str, float]:
    return {
        name: battery.rating.capacity_wh * battery.soc_percent / 100
        for name, battery in plant.batteries.items()
    }


class _Runner:
    """One cycle after the other, and what is noted of each."""

    def __init__(
        self, plant: Plant, core: Core, trace: Trace, document: Document, clock: Callable[[], float]
    ) -> None:
        self._plant = plant
        self._core = core
        self._clock = clock
        self.trace = trace
        self.measure = Measure(period_ms=document.period_ms)
        self.alarms: dict[str, AlarmTally] = {}
        for name in plant.batteries:
            trace.ess[name], trace.shown[name] = array("d"), array("d")

    def cycle(self) -> None:
        plant, trace = self._plant, self.trace
        for name, battery in plant.batteries.items():
            trace.shown[name].append(battery.soc_percent)
        started_s = self._clock()
        self._core.turn(self._turn())
        self.measure = self.measure.after(1000 * (self._clock() - started_s), plant.now_at)
        for alarm in self._core.alarms:
            self._count(alarm)
        trace.relieved.append(plant.grid_watts)
        for name, battery in plant.batteries.items():
            trace.ess[name].append(battery.power_watts)
        plant.advance(plant.now_s + trace.step_s)
        trace.load.append(plant.moment.load_watts)
        trace.pv.append(plant.moment.pv_watts)
        trace.grid.append(plant.grid_watts)

    def _turn(self) -> Turn:
        return Turn(
            now_s=self._plant.now_s,
            now_at=self._plant.now_at,
            plant_s=self._plant.now_s,
            cycle_values={
                "_cycle/MeasuredCycleTime": self.measure.measured_ms,
                "_cycle/Overruns": float(self.measure.overruns),
            },
            still_mine=lambda: True,
        )

    def _count(self, alarm: dict[str, Any]) -> None:
        tally = self.alarms.get(alarm["id"])
        if tally is None:
            rule = f"{alarm['channel']} {alarm['rule']}"
            tally = self.alarms[alarm["id"]] = AlarmTally(alarm["severity"], rule, alarm["message"])
        tally.cycles += 1
        if tally.since != alarm["since"]:
            tally.since = alarm["since"]
            tally.raised += 1
