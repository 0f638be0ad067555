"""The process around the core cycle: it reloads, watches, restarts once, reports, and ends safely."""

from __future__ import annotations

import logging
import signal
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from edge_protocol.instants import format_instant
from edge_runtime.bell import Bell
from edge_runtime.core import AbandonedError, Core, CoreError
from edge_runtime.cycle import Clocks, Cycle, Measure, Report
from edge_runtime.document import Document, DocumentUnreadableError, read_document
from edge_runtime.health import write_health

log = logging.getLogger(__name__)

HEALTH_EVERY_S: Final = 1.0
STOP_WITHIN_S: Final = 5.0


@dataclass(slots=True)
class Running:
    """A cycle with the thread that runs it."""

    cycle: Cycle
    end: Future[None]
    pool: ThreadPoolExecutor


class Supervisor:
    """Lives in the main thread. `failure` stays until the next document: a rollback follows it either way."""

    def __init__(self, *, directory: Path, boot_id: str, core: Core, clocks: Clocks, bell: Bell) -> None:
        self._directory = directory
        self._boot_id = boot_id
        self._core = core
        self._clocks = clocks
        self._bell = bell
        self._running: Running | None = None
        self._document: Document | None = None
        self._report: Report | None = None
        self._measure = Measure()
        self._failure: dict[str, str] | None = None
        self._restarts = 0
        self.left_hanging = False

    def run(self) -> None:
        """Until SIGTERM or SIGINT. A SIGHUP takes in the document; every second the health is written."""
        self._reload()
        while True:
            self._watch()
            self._write_health()
            heard = self._bell.wait(HEALTH_EVERY_S)
            if heard & {signal.SIGTERM, signal.SIGINT}:
                break
            if signal.SIGHUP in heard:
                self._reload()
        self._end()

    def _reload(self) -> None:
        try:
            document = read_document(self._directory / "document.json")
        except DocumentUnreadableError as error:
            self._refuse_document(str(error))
            return
        log.info("taking in version %d", document.version)
        self._document, self._failure, self._restarts = document, None, 0
        if self._running is None:
            self._start(document)
        else:
            self._running.cycle.offer(document)

    def _refuse_document(self, why: str) -> None:
        """Nothing to run yet is no failure; a file that cannot be read beside a running version is one."""
        if self._document is None and not (self._directory / "document.json").exists():
            log.info("waiting for a first document")
            return
        log.error("%s", why)
        self._failure = {"code": "document_unreadable", "detail": why}

    def _start(self, document: Document) -> None:
        cycle = Cycle(self._core, self._clocks, document, self._measure, self._bell.ring)
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="core-cycle")
        end = pool.submit(cycle.run)
        end.add_done_callback(lambda _: self._bell.ring())
        self._running = Running(cycle, end, pool)

    def _watch(self) -> None:
        running = self._running
        if running is None:
            return
        self._report = running.cycle.report or self._report
        self._measure = running.cycle.measure
        if running.end.done():
            self._bury(running)
        elif self._silent_ms(running.cycle) > self._watchdog_ms(running.cycle):
            self._give_up_on(running)

    def _silent_ms(self, cycle: Cycle) -> float:
        return 1000 * (self._clocks.monotonic_s() - cycle.alive_s)

    def _watchdog_ms(self, cycle: Cycle) -> float:
        return float(cycle.document.supervisor["watchdog_timeout_ms"])

    def _bury(self, running: Running) -> None:
        self._running = None
        running.pool.shutdown(wait=False)
        error = running.end.exception()
        if error is None or isinstance(error, AbandonedError):
            return
        log.error("the core cycle ended", exc_info=error)
        cycle = running.cycle
        self._report = Report(cycle.document, cycle.measure, self._core.health(), self._core.loaded_sections)
        code = error.code if isinstance(error, CoreError) else "core_cycle_crashed"
        self._fail(code, f"{type(error).__name__}: {error}", cycle)

    def _give_up_on(self, running: Running) -> None:
        self._running = None
        self.left_hanging = True
        running.cycle.abandon()
        running.pool.shutdown(wait=False)
        silent = self._silent_ms(running.cycle)
        self._fail("watchdog", f"no finished cycle for {silent:.0f} ms", running.cycle)

    def _fail(self, code: str, detail: str, cycle: Cycle) -> None:
        """Reported whatever follows; the cycle is started once more where the document allows it."""
        log.error("core cycle failed: %s: %s", code, detail)
        self._failure = {"code": code, "detail": detail}
        document = self._document or cycle.document
        if document.supervisor["auto_recovery"] and self._restarts == 0:
            self._restarts += 1
            self._start(document)
        else:
            self._leave_safe()

    def _end(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cycle.stop()
            running.end.add_done_callback(lambda _: self._bell.ring())
            self._wait_for(running)
        self._leave_safe()
        self._write_health()

    def _leave_safe(self) -> None:
        """Safe states from a thread of their own: a driver that hangs must not hang the reporting too."""
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="safe-states")
        written = pool.submit(self._core.stop)
        pool.shutdown(wait=False)
        _, late = wait([written], timeout=STOP_WITHIN_S)
        if late:
            self.left_hanging = True
            log.error("the safe states could not be written within %.0f s", STOP_WITHIN_S)
        elif (error := written.exception()) is not None:
            log.error("the safe states could not be written", exc_info=error)
        else:
            log.info("safe states: %s", written.result())
        if self._report is not None and not late:
            self._report = replace(self._report, core=self._core.health())

    def _wait_for(self, running: Running) -> None:
        deadline_s = self._clocks.monotonic_s() + STOP_WITHIN_S
        while not running.end.done():
            left_s = deadline_s - self._clocks.monotonic_s()
            if left_s <= 0:
                running.cycle.abandon()
                self.left_hanging = True
                return
            self._bell.wait(left_s)
        running.pool.shutdown(wait=True)

    def _write_health(self) -> None:
        report = self._report
        loaded = report.document if report is not None else None
        body = {
            "boot_id": self._boot_id,
            "version": loaded.version if loaded else 0,
            "digest": loaded.digest if loaded else None,
            "cycle": {**self._measure.health(), **self._cycle_facts()},
            **(report.core if report is not None else _nothing_yet()),
            "reloaded": list(report.reloaded) if report is not None else [],
            "loaded": report.loaded.health() if report is not None and report.loaded else None,
            "failure": self._failure,
            "written_at": format_instant(self._clocks.wall_at()),
        }
        write_health(self._directory / "health.json", body)

    def _cycle_facts(self) -> Mapping[str, Any]:
        threshold = self._document.supervisor["overrun_alert_threshold"] if self._document else None
        return {
            "alive": self._running is not None,
            "restarts": self._restarts,
            "overrun_alert_threshold": threshold,
        }


def _nothing_yet() -> dict[str, Any]:
    unjudged: dict[str, Any] = {"alarms": [], "alarm_book": None}
    return {"controllers": {}, "devices": {}, **unjudged, "safe_mode": None, "set_points": {}}
