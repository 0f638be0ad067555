"""When what waits may be applied: barrier, local hold, manifest in date. Asked again as time passes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from edge_agent.barriers import SHORT_PERIOD_MS, changed_sections, strictest_mode, window_barrier
from edge_agent.core import Core
from edge_agent.intake import Intake
from edge_agent.plant import Plant
from edge_agent.states import Barrier, Phase, Version
from edge_protocol.instants import format_instant

NO_CYCLE_GRACE_S = 1.0


class Gatekeeper:
    """Used by the reducer's thread."""

    def __init__(self, core: Core, plant: Plant, intake: Intake) -> None:
        self._core = core
        self._plant = plant
        self._intake = intake
        self._asked: dict[tuple[int, int], tuple[int | None, float]] = {}

    def barrier(self, version: Version) -> Barrier:
        """What stands before `version` now. Source: lifecycle.md, rules 1 and 14; protocol.md, dates."""
        if self._core.hold is not None:
            return Barrier("hold", open=False, until=self._core.hold.until)
        if not self._intake.is_fresh(version):
            return Barrier("trust_stale", open=False)
        if self._core.state.phase is Phase.SAFE_MODE:
            return Barrier("immediate")
        document = self._core.document(version)
        running = self._core.state.running
        changed = changed_sections(running.sections if running else {}, version.sections)
        mode = strictest_mode(document, changed)
        if version.ignores_windows and mode in {"window", "manual"}:
            mode = "next_cycle"
        if mode == "window":
            return self._window(document)
        if mode == "next_cycle":
            return self._next_cycle(version)
        return Barrier(mode, open=mode == "immediate")

    def _window(self, document: Mapping[str, Any]) -> Barrier:
        window = document.get("sync", {}).get("maintenance_window")
        try:
            return window_barrier(window, self._core.now()) if window else Barrier("manual", open=False)
        except (KeyError, ValueError):  # a zone that this system does not know: a person decides
            return Barrier("manual", open=False)

    def _next_cycle(self, version: Version) -> Barrier:
        """Short periods are handed over at once: a runtime takes a document in between two cycles only."""
        running, now_s = self._core.state.running, self._core.clock.seconds()
        if running is None:
            return Barrier("next_cycle")
        period_ms = self._core.document(running).get("core_cycle", {}).get("period_ms", 1000)
        if period_ms <= SHORT_PERIOD_MS:
            return Barrier("next_cycle")
        count = self._plant.cycle_count()
        first, since_s = self._asked.setdefault(version.ref, (count, now_s))
        patience_s = period_ms / 1000 + NO_CYCLE_GRACE_S
        if count != first or now_s - since_s > patience_s:
            self._asked.clear()
            return Barrier("next_cycle")
        left = timedelta(seconds=since_s + patience_s - now_s)
        return Barrier("next_cycle", open=False, until=format_instant(self._core.now() + left))
