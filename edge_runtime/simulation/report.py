"""What a simulated run has to say: six facts for programs, a table for people, the whole as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from edge_protocol.instants import format_instant
from edge_runtime.document import Document
from edge_runtime.limits import LocalLimits
from edge_runtime.simulation import judging
from edge_runtime.simulation.judging import Peaks
from edge_runtime.simulation.physics import connection_of, stores_of
from edge_runtime.simulation.trace import Outcome, Trace
from edge_runtime.site import Site

BALANCE_TOLERANCE = 0.001


@dataclass(frozen=True, slots=True)
class Report:
    """One run, judged. Energies in watt hours, powers in watts, shares from 0 to 1."""

    outcome: Outcome
    thresholds: Sequence[float]
    energy_balance_error: float
    limit_violations: int
    peaks: Peaks

    @property
    def is_good(self) -> bool:
        """Energy closes to 0.1 %, no limit was left, every peak was held that could be."""
        closes = self.energy_balance_error <= BALANCE_TOLERANCE
        return closes and self.limit_violations == 0 and self.peaks.avoidable == 0

    def facts(self) -> dict[str, Any]:
        """The six facts that others build upon."""
        return {
            "energy_balance_error": self.energy_balance_error,
            "limit_violations": self.limit_violations,
            "peak_violations_avoidable": self.peaks.avoidable,
            "cycles": self.outcome.trace.cycles,
            "overruns": self.outcome.measure.overruns_total,
            "alarms": sum(tally.raised for tally in self.outcome.alarms.values()),
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything of the report as JSON values."""
        outcome, trace = self.outcome, self.outcome.trace
        return {
            **self.facts(),
            "from": format_instant(trace.start_at),
            "until": format_instant(trace.start_at + timedelta(seconds=trace.cycles * trace.step_s)),
            "period_ms": round(1000 * trace.step_s),
            "took_s": round(outcome.took_s, 1),
            "energy_wh": {name: round(value) for name, value in energies(trace).items()},
            "peaks": {**asdict(self.peaks), **_peak_watts(trace, self.thresholds)},
            "batteries": {name: _battery(outcome, name) for name in trace.ess},
            "alarms_raised": {name: _alarm(outcome, name) for name in outcome.alarms},
            "controllers": outcome.controllers,
        }

    def lines(self) -> Iterator[str]:
        """The table for people."""
        whole = self.to_dict()
        yield f"{whole['from']} to {whole['until']}, {whole['cycles']} cycles of {whole['period_ms']} ms"
        yield ""
        for name, watt_hours in whole["energy_wh"].items():
            yield _row(name.replace("_", " "), f"{watt_hours / 1000:.1f} kWh")
        yield _row("energy balance error", f"{self.energy_balance_error:.2e} (at most {BALANCE_TOLERANCE:g})")
        yield ""
        yield from _peak_lines(whole["peaks"])
        yield _row("limit violations", str(self.limit_violations))
        yield ""
        for name, battery in whole["batteries"].items():
            yield from _battery_lines(name, battery)
        yield from _alarm_lines(whole["alarms_raised"])
        yield _row("overruns", f"{whole['overruns']} (simulated in {whole['took_s']} s)")
        yield ""
        yield "Good." if self.is_good else "Not good: see above."


def judge(document: Document, site: Site, limits: LocalLimits, outcome: Outcome) -> Report:
    """Hold a run against what its site could physically do."""
    stores, asked = stores_of(document, site, limits), judging.thresholds(document, outcome.trace)
    connection = connection_of(document, limits)
    return Report(
        outcome=outcome,
        thresholds=asked,
        energy_balance_error=judging.energy_balance_error(outcome, site.house, stores),
        limit_violations=judging.limit_violations(outcome.trace, stores, connection),
        peaks=judging.judge_peaks(outcome.trace, asked, stores),
    )


def energies(trace: Trace) -> dict[str, float]:
    hours = trace.step_s / 3600
    delivered = [trace.delivered(index) for index in range(trace.cycles)]
    return {
        "used": hours * sum(trace.load),
        "produced": hours * sum(trace.pv),
        "imported": hours * sum(watts for watts in trace.grid if watts > 0),
        "exported": -hours * sum(watts for watts in trace.grid if watts < 0),
        "charged": -hours * sum(watts for watts in delivered if watts < 0),
        "discharged": hours * sum(watts for watts in delivered if watts > 0),
    }


def _peak_watts(trace: Trace, asked: Sequence[float]) -> dict[str, Any]:
    without = [load - pv for load, pv in zip(trace.load, trace.pv, strict=True)]
    lowest = min(asked, default=float("inf"))
    return {
        "threshold_w": None if lowest == float("inf") else round(lowest),
        "import_w": round(max(trace.grid, default=0)),
        "import_without_battery_w": round(max(without, default=0)),
        "quarter_hour_w": round(judging.quarter_hour_peak(trace.grid, trace.step_s)),
        "quarter_hour_without_battery_w": round(judging.quarter_hour_peak(without, trace.step_s)),
    }


def _battery(outcome: Outcome, name: str) -> dict[str, Any]:
    shown = outcome.trace.shown[name]
    return {
        "full_cycles": round(outcome.full_cycles[name], 2),
        "lowest_soc": round(min(shown, default=0), 1),
        "highest_soc": round(max(shown, default=0), 1),
        "end_wh": round(outcome.energy_wh[name][1]),
    }


def _alarm(outcome: Outcome, name: str) -> dict[str, Any]:
    tally = outcome.alarms[name]
    return {
        "severity": tally.severity,
        "rule": tally.rule,
        "raised": tally.raised,
        "stood_s": round(tally.cycles * outcome.trace.step_s),
    }


def _row(name: str, value: str) -> str:
    return f"  {name:<28}{value}"


def _peak_lines(peaks: dict[str, Any]) -> Iterator[str]:
    asked = "no threshold" if peaks["threshold_w"] is None else f"threshold {peaks['threshold_w']} W"
    yield _row(
        "highest import", f"{peaks['import_w']} W ({peaks['import_without_battery_w']} W without battery)"
    )
    quarters = (peaks["quarter_hour_w"], peaks["quarter_hour_without_battery_w"])
    yield _row("highest quarter of an hour", f"{quarters[0]} W ({quarters[1]} W without battery), {asked}")
    counts = f"{peaks['avoidable']} avoidable ({peaks['held_back']} with power and energy left), "
    yield _row("cycles above the threshold", f"{counts}{peaks['unavoidable']} out of reach")


def _battery_lines(name: str, battery: dict[str, Any]) -> Iterator[str]:
    yield _row(name, f"{battery['full_cycles']} full cycles, {battery['end_wh']} Wh at the end")
    yield _row("", f"charge from {battery['lowest_soc']} to {battery['highest_soc']} %")


def _alarm_lines(alarms: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, alarm in alarms.items():
        stood = timedelta(seconds=alarm["stood_s"])
        yield _row(
            name, f"{alarm['severity']}, raised {alarm['raised']} times, stood {stood} ({alarm['rule']})"
        )
    if not alarms:
        yield _row("alarms", "none")
