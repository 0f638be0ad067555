"""Everything configured here, as one: all drivers validate before any applies, all go back together."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.driver import ProcessDriver
from edge_agent.health import Gate, Watch, added_gates
from edge_agent.process import Exited
from edge_agent.states import Reason, Version

RELOAD_AGAIN_S = 2.0
RESTART_AFTER_S = 6.0
_ENVELOPE = ("version", "digest", "edge_id", "changed", "safe_mode")


@dataclass(frozen=True, slots=True)
class Observation:
    """What the drivers report together. `gates` as in health.py, with the driver's name if several."""

    acknowledged: bool
    held: bool
    failed: Reason | None
    gates: Mapping[str, Gate]
    progress_s: float = 0.0


class Plant:
    """The drivers in order. Used by the reducer's thread; only `validate` runs beside it."""

    def __init__(self, drivers: Sequence[ProcessDriver], edge_id: str) -> None:
        self.drivers = list(drivers)
        self.newest: dict[str, dict[str, Any] | None] = {}
        self._edge_id = edge_id
        self._watches: list[Watch] = []
        self._told_s = 0.0
        self._since_s = 0.0
        self._no_devices = False
        self._ending: set[tuple[str, int]] = set()

    def validate(self, document: Mapping[str, Any]) -> Reason | None:
        """The first refusal of any driver. Blocks for as long as validators take."""
        for driver in self.drivers:
            reason = driver.validate(_part(driver, document))
            if reason is not None:
                return reason
        return None

    def run(
        self,
        version: Version,
        document: Mapping[str, Any],
        changed: set[str],
        *,
        before: Mapping[str, Any],
        baseline: Mapping[str, bool],
        at_s: float,
    ) -> None:
        """Put a version in place and watch it. A driver that has it, or that no change touches, is left.

        Errors: OSError when a file cannot be written or a program cannot be started.
        """
        head = {
            "version": version.number,
            "digest": version.digest,
            "edge_id": self._edge_id,
            "changed": sorted(changed),
        }
        self._no_devices = False
        self._put({**document, **head}, at_s, changed)
        added = added_gates(before, document)
        self._watches = [
            Watch(
                self._expected(driver, version.digest),
                _part(driver, document),
                self._own(driver, baseline),
                added,
                at_s,
            )
            for driver in self.drivers
        ]

    def run_safe(self, document: Mapping[str, Any], at_s: float, *, without_devices: bool = False) -> None:
        """Safe mode (rule 12): no controller; `document` is the last good one, or empty. Errors: OSError."""
        kept: dict[str, Any] = {"core_cycle": {}, "modbus_devices": [], "alarms": []}
        if not without_devices:
            kept |= {name: document[name] for name in (*kept, "profiles") if name in document}
        head = {"version": 0, "digest": None, "edge_id": self._edge_id, "changed": sorted(kept)}
        safe = {**kept, "scheduler": {"controllers": []}, **head, "safe_mode": True}
        self._no_devices = without_devices
        self._put(safe, at_s, None)
        self._watches = [Watch(None, _part(driver, safe), {}, frozenset(), at_s) for driver in self.drivers]

    @property
    def without_devices(self) -> bool:
        return self._no_devices

    def _put(self, document: Mapping[str, Any], at_s: float, changed: set[str] | None) -> None:
        self._since_s = self._told_s = at_s
        for driver in self.drivers:
            part = _part(driver, document)
            there = driver.content() or {}
            untouched = changed is not None and driver.settings.sections and not changed & set(part)
            if not (_content(there) == _content(part) or (untouched and there)):
                driver.write(part)
                driver.reload()
            else:
                driver.adopt_file()
            driver.ensure_running()

    def _prefix(self, driver: ProcessDriver) -> str:
        """Gates carry their driver's name where there are several."""
        return f"{driver.settings.name}/" if len(self.drivers) > 1 else ""

    def _own(self, driver: ProcessDriver, baseline: Mapping[str, bool]) -> dict[str, bool]:
        prefix = self._prefix(driver)
        return {name.removeprefix(prefix): ok for name, ok in baseline.items() if name.startswith(prefix)}

    def _expected(self, driver: ProcessDriver, digest: str) -> str:
        return str((driver.content() or {}).get("digest") or digest)

    def settle(self) -> None:
        """Confirmed: from here on only what worked before the change counts (rule 8)."""
        for watch in self._watches:
            watch.added = frozenset()

    # --- looking

    def observe(self, at_s: float) -> Observation:
        """Read every driver's newest report and judge it."""
        failed, gates = None, {}
        self.newest = {driver.settings.name: driver.health() for driver in self.drivers}
        for driver, watch in zip(self.drivers, self._watches, strict=False):
            failed = failed or watch.take(self.newest[driver.settings.name], at_s)
            gates.update({self._prefix(driver) + name: gate for name, gate in watch.gates.items()})
        watched = bool(self._watches)
        return Observation(
            watched and all(watch.acknowledged_s is not None for watch in self._watches),
            watched and all(watch.held() for watch in self._watches),
            failed,
            gates,
            min((watch.progress_s for watch in self._watches), default=0.0),
        )

    def waiting_s(self, at_s: float) -> float:
        """How long ago something was put in place or started again."""
        return at_s - self._since_s

    def tell_again(self, at_s: float) -> None:
        """A program that was only starting when it was told may have read the file before: say it again."""
        if at_s - self._told_s < RELOAD_AGAIN_S:
            return
        self._told_s = at_s
        for driver, watch in zip(self.drivers, self._watches, strict=False):
            if watch.acknowledged_s is None and driver.health() is not None:
                driver.reload()

    def start_over(self, at_s: float) -> None:
        """Programs that run get a new watch and a fresh start, by force."""
        self._watches = [_again(watch, at_s) for watch in self._watches]
        self._since_s = at_s
        for driver in self.drivers:
            if driver.process is not None and driver.process.alive:
                self._ending.add((driver.settings.name, driver.process.generation))
            driver.restart()

    def cycle_count(self) -> int | None:
        """The first driver's cycle counter: what `next_cycle` waits for."""
        health = self.drivers[0].health()
        return None if health is None else (health.get("cycle") or {}).get("count")

    def reports(self) -> dict[str, Any]:
        """The newest raw report of each driver, for people."""
        return {driver.settings.name: driver.health() for driver in self.drivers}

    def touched(self) -> bool:
        return any(driver.was_touched() for driver in self.drivers)

    def rewrite(self, document: Mapping[str, Any]) -> None:
        """Undo what somebody else wrote. Errors: OSError."""
        for driver in self.drivers:
            driver.write(_part(driver, document))
            driver.reload()

    # --- programs

    def exited(self, exited: Exited) -> bool:
        """Whether it ended by itself; a program that we ended is no news."""
        owners = [driver.process for driver in self.drivers if driver.settings.name == exited.name]
        if not any(process is not None and process.ended(exited) for process in owners):
            return False
        asked = (exited.name, exited.generation) in self._ending
        self._ending.discard((exited.name, exited.generation))
        return not asked

    def ensure_running(self, at_s: float) -> None:
        """Start again what has ended; its reports are judged afresh. Errors: OSError."""
        self._watches = [_again(watch, at_s) for watch in self._watches]
        for driver in self.drivers:
            driver.ensure_running()

    def stop(self) -> None:
        for driver in self.drivers:
            driver.stop()

    def kill(self) -> None:
        for driver in self.drivers:
            if driver.process is not None:
                driver.process.signal(signal.SIGKILL)

    @property
    def alive(self) -> bool:
        return any(driver.process is not None and driver.process.alive for driver in self.drivers)

    def log_tail(self) -> str:
        return "\n".join(tail for driver in self.drivers if (tail := driver.log_tail()))[-8 * 1024 :]

    def tidy(self) -> None:
        for driver in self.drivers:
            if driver.process is not None:
                driver.process.trim_log()


def _content(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a program acts on: equal content under another number needs no reload."""
    return {name: value for name, value in document.items() if name not in {"version", "changed"}}


def _again(watch: Watch, at_s: float) -> Watch:
    return Watch(watch.digest, watch.document, watch.baseline, watch.added, at_s)


def _part(driver: ProcessDriver, document: Mapping[str, Any]) -> dict[str, Any]:
    wanted = driver.settings.sections
    if wanted is None:
        return dict(document)
    return {name: value for name, value in document.items() if name in wanted or name in _ENVELOPE}
