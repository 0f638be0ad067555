"""What a health report means: gates, which of them count, whether they held long enough. Pure (rule 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_agent.states import Reason

CYCLES_TO_SEE = 3
# A single reading may be a device's hiccup or a controller that waits for its first value.
REPORTS_TO_BELIEVE = {"controller": 2, "device": 3, "overruns": 2}
ALWAYS_COUNTS = "cycle"
# What ails a device, from the runtime's word for it; a runtime that has no word says that it is silent.
DEVICE_CODES = {
    "silent": "device_silent",
    "value": "device_value",
    "identity": "device_identity",
    "refusal": "device_refusal",
    "point": "device_point",
}


@dataclass(frozen=True, slots=True)
class Gate:
    ok: bool
    code: str = ""
    detail: str = ""


def read_gates(health: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Gate]:
    """Shape: gate name -> gate. Names: `cycle`, `overruns`, `controller:<id>`, `device:<id>`."""
    gates = {"cycle": _cycle(health), "overruns": _overruns(health, document)}
    controllers = health.get("controllers") or {}
    for controller in document.get("scheduler", {}).get("controllers", []):
        if controller.get("enabled", True):
            gates[f"controller:{controller['id']}"] = _controller(
                controllers.get(controller["id"]), controller
            )
    devices = health.get("devices") or {}
    for device in document.get("modbus_devices", []):
        if device.get("enabled", True):
            gates[f"device:{device['device_id']}"] = _device(devices.get(device["device_id"]), device)
    return gates


def _cycle(health: Mapping[str, Any]) -> Gate:
    failure = health.get("failure")
    if failure is None:
        return Gate(True)
    return Gate(False, str(failure.get("code", "core_cycle_failed")), str(failure.get("detail", "")))


def _overruns(health: Mapping[str, Any], document: Mapping[str, Any]) -> Gate:
    supervisor = document.get("core_cycle", {}).get("supervisor", {})
    most = int(supervisor.get("overrun_alert_threshold", 2))
    count = int((health.get("cycle") or {}).get("overruns", 0))
    if count <= most:
        return Gate(True)
    return Gate(False, "overruns", f"{count} cycles in a row took too long, {most} are allowed")


def _controller(report: Mapping[str, Any] | None, controller: Mapping[str, Any]) -> Gate:
    state = (report or {}).get("state", "missing")
    if state == "ok":
        return Gate(True)
    words = str((report or {}).get("error") or "")
    named = f"controller {state.replace('_', ' ')}".replace("failed failed", "failed")
    detail = words if words.startswith("controller") else f"{named}: {controller['id']}: {words or state}"
    return Gate(False, f"controller_{state}", detail)


def _device(report: Mapping[str, Any] | None, device: Mapping[str, Any]) -> Gate:
    if report is not None and report.get("ok"):
        return Gate(True)
    errors = (report or {}).get("errors", "no report")
    why = str((report or {}).get("detail") or "it does not answer")
    code = DEVICE_CODES.get(str((report or {}).get("code")), "device_silent")
    return Gate(False, code, f"device {device['device_id']} is not well: {why} (errors: {errors})")


def added_gates(before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[str]:
    """Gates of things that the version added or changed: their failure counts from the first moment."""
    changed = set()
    for section, path, key, kind in (
        ("scheduler", "controllers", "id", "controller"),
        ("modbus_devices", "", "device_id", "device"),
    ):
        old = {item[key]: item for item in _items(before.get(section), path)}
        for item in _items(after.get(section), path):
            if old.get(item[key]) != item:
                changed.add(f"{kind}:{item[key]}")
    if before.get("core_cycle") != after.get("core_cycle"):
        changed.add("overruns")
    return frozenset(changed)


def _items(section: Any, path: str) -> list[Mapping[str, Any]]:
    found = section.get(path, []) if path and isinstance(section, Mapping) else section
    return list(found or [])


def watchdog_s(document: Mapping[str, Any]) -> float:
    core = document.get("core_cycle", {})
    period_ms = int(core.get("period_ms", 1000))
    asked = core.get("supervisor", {}).get("watchdog_timeout_ms")
    return int(asked if asked is not None else max(10000, 4 * period_ms)) / 1000


@dataclass(slots=True)
class Watch:
    """Looks at one version's health from one moment on. Seconds are monotonic.

    `baseline` empty means that nothing ran before: then everything counts.
    """

    digest: str | None
    document: Mapping[str, Any]
    baseline: Mapping[str, bool]
    added: frozenset[str]
    started_s: float
    acknowledged_s: float | None = None
    gates: dict[str, Gate] = field(default_factory=dict)
    _boot_id: str | None = None
    _count: int | None = None
    _cycles: int = 0
    _progress_s: float = 0.0
    _bad_reports: dict[str, int] = field(default_factory=dict)

    def take(self, health: Mapping[str, Any] | None, at_s: float) -> Reason | None:
        """Note one report (or that there is none); a reason when something that counts has failed."""
        if health is not None and health.get("digest") == self.digest:
            self._note(health, at_s)
        if self.acknowledged_s is None:
            return None
        return self._restarted(health) or self._failed_gate() or self._silent(at_s)

    def held(self) -> bool:
        """Whether all that counts is well now and the cycle has been seen to turn."""
        well = all(gate.ok for name, gate in self.gates.items() if self.counts(name))
        return self.acknowledged_s is not None and self._cycles >= CYCLES_TO_SEE and well

    @property
    def progress_s(self) -> float:
        """When the cycle was last seen to turn."""
        return self._progress_s

    def counts(self, name: str) -> bool:
        """Rule 7: it worked before, or the version added or changed it."""
        return (
            name == ALWAYS_COUNTS or not self.baseline or self.baseline.get(name, False) or name in self.added
        )

    def _note(self, health: Mapping[str, Any], at_s: float) -> None:
        count = int((health.get("cycle") or {}).get("count", 0))
        if self.acknowledged_s is None:
            self.acknowledged_s, self._progress_s = at_s, at_s
            self._boot_id = health.get("boot_id")
        if count == self._count and health.get("failure") is None:  # a dead cycle counts no further
            return
        self._cycles += max(0, count - self._count) if self._count is not None else 0
        self._count, self._progress_s = count, at_s
        self.gates = read_gates(health, self.document)
        for name, gate in self.gates.items():
            self._bad_reports[name] = 0 if gate.ok else self._bad_reports.get(name, 0) + 1

    def _restarted(self, health: Mapping[str, Any] | None) -> Reason | None:
        boot_id = None if health is None else health.get("boot_id")
        if boot_id is None or boot_id == self._boot_id:
            return None
        return Reason("runtime_restarted", "the runtime started again by itself")

    def _failed_gate(self) -> Reason | None:
        for name, gate in self.gates.items():
            needed = REPORTS_TO_BELIEVE.get(name.partition(":")[0], 1)
            if not gate.ok and self.counts(name) and self._bad_reports[name] >= needed:
                return Reason(gate.code, gate.detail)
        return None

    def _silent(self, at_s: float) -> Reason | None:
        limit_s = watchdog_s(self.document)
        if at_s - self._progress_s <= limit_s:
            return None
        return Reason("watchdog", f"no finished cycle for {limit_s:.0f} s")
