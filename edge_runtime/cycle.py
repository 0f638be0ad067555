"""The core cycle in time: one turn each period, measured, never caught up, reloaded only between turns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from edge_protocol.instants import format_instant
from edge_runtime.core import Core, Turn
from edge_runtime.document import Document


@dataclass(frozen=True, slots=True)
class Clocks:
    """Monotonic seconds, wall time in UTC, and the plant's own running time in seconds."""

    monotonic_s: Callable[[], float]
    wall_at: Callable[[], datetime]
    plant_s: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Measure:
    """What is known of the turns so far. `overruns` counts those in a row, `overruns_total` all."""

    count: int = 0
    period_ms: int = 0
    measured_ms: float = 0.0
    overruns: int = 0
    overruns_total: int = 0
    last_at: datetime | None = None

    def after(self, took_ms: float, last_at: datetime) -> Measure:
        over = took_ms > self.period_ms
        return replace(
            self,
            count=self.count + 1,
            measured_ms=round(took_ms, 1),
            overruns=self.overruns + 1 if over else 0,
            overruns_total=self.overruns_total + over,
            last_at=last_at,
        )

    def health(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "period_ms": self.period_ms,
            "measured_ms": self.measured_ms,
            "overruns": self.overruns,
            "overruns_total": self.overruns_total,
            "last_at": format_instant(self.last_at) if self.last_at else None,
        }


@dataclass(frozen=True, slots=True)
class Loaded:
    """Turns by number: `offered` had begun last when the version came, `turn` was the first with it."""

    version: int
    offered: int
    turn: int

    def health(self) -> dict[str, int]:
        return {"version": self.version, "offered_in_cycle": self.offered, "in_cycle": self.turn}


@dataclass(frozen=True, slots=True)
class Report:
    """What a finished turn leaves for the health file."""

    document: Document
    measure: Measure
    core: Mapping[str, Any]
    reloaded: tuple[str, ...]
    loaded: Loaded | None = None


class Cycle:
    """Runs turns until it is stopped or abandoned. `on_report` is called at once after a reload."""

    def __init__(
        self, core: Core, clocks: Clocks, first: Document, measure: Measure, on_reload: Callable[[], None]
    ) -> None:
        self._core = core
        self._clocks = clocks
        self._on_reload = on_reload
        self._next: Document | None = first
        self._begun = self._offered = measure.count
        self._loaded: Loaded | None = None
        self._handover = threading.Lock()
        self._stop = threading.Event()
        self._abandoned = threading.Event()
        self._document = first
        self._measure = measure
        self.report: Report | None = None
        self.alive_s = clocks.monotonic_s()

    def offer(self, document: Document) -> None:
        """To be taken in at the next cycle boundary; a newer offer replaces an older one."""
        with self._handover:
            self._next, self._offered = document, self._begun

    def stop(self) -> None:
        self._stop.set()

    def abandon(self) -> None:
        """Given up while it hangs: should it ever come back, it touches nothing."""
        self._abandoned.set()
        self._stop.set()

    @property
    def measure(self) -> Measure:
        return self._measure

    @property
    def document(self) -> Document:
        return self._document

    def run(self) -> None:
        """Errors: whatever ends the core cycle comes out here, for the supervisor to judge."""
        while not self._stop.is_set():
            started_s = self._clocks.monotonic_s()
            reloaded = self._take_in()
            self._core.turn(self._turn(started_s))
            took_s = self._clocks.monotonic_s() - started_s
            self._measure = self._measure.after(1000 * took_s, self._clocks.wall_at())
            self.report = Report(
                self._document,
                self._measure,
                self._core.health(),
                self._core.loaded_sections,
                self._loaded,
            )
            self.alive_s = self._clocks.monotonic_s()
            if reloaded:
                self._on_reload()
            self._stop.wait(max(0.0, self._document.period_ms / 1000 - took_s))

    def _take_in(self) -> bool:
        with self._handover:
            self._begun += 1
            document, self._next = self._next, None
            offered = self._offered
        if document is None:
            return False
        # Before the load: should it crash, the report names the version that did it.
        self._document = document
        self._measure = replace(self._measure, period_ms=document.period_ms)
        self._core.load(document)
        self.alive_s = self._clocks.monotonic_s()
        self._loaded = Loaded(document.version, offered, self._begun)
        return True

    def _turn(self, started_s: float) -> Turn:
        measure = self._measure
        return Turn(
            now_s=started_s,
            now_at=self._clocks.wall_at(),
            plant_s=self._clocks.plant_s(),
            cycle_values={
                "_cycle/MeasuredCycleTime": measure.measured_ms,
                "_cycle/Overruns": float(measure.overruns),
            },
            still_mine=lambda: not self._abandoned.is_set(),
        )
