"""What commissioning finds: checks with a verdict each, and the protocol that is written of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

PASSED: Final = "passed"
FAILED: Final = "failed"
OPEN: Final = "open"
"""Not tested, or not answered: somebody has to look again."""


@dataclass(frozen=True, slots=True)
class Check:
    """`name` says what was looked at, `detail` what was seen in words."""

    name: str
    verdict: str
    detail: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the test: what was asked of the battery, and what it and the grid meter then showed."""

    asked_watts: float
    ess_watts: float | None
    grid_watts: float | None


@dataclass(slots=True)
class DeviceRecord:
    """Everything that was found of one device."""

    device_id: str
    profile: str
    role: str
    address: str
    serial: str | None = None
    checks: list[Check] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def add(self, name: str, verdict: str, detail: str) -> None:
        self.checks.append(Check(name, verdict, detail))


@dataclass(frozen=True, slots=True)
class Protocol:
    """The written result. `field` says what spoke for the devices: a simulated site proves nothing."""

    edge_id: str
    version: int
    digest: str | None
    field: str
    by: str
    begun_at: str
    ended_at: str
    devices: Sequence[DeviceRecord]
    safe_states: dict[str, bool]

    @property
    def verdict(self) -> str:
        """`failed` beats `open`, and a device that could not be left safe is a failure."""
        verdicts = {check.verdict for device in self.devices for check in device.checks}
        if FAILED in verdicts or not all(self.safe_states.values()):
            return FAILED
        return OPEN if OPEN in verdicts or not verdicts else PASSED

    def to_dict(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            **{name: getattr(self, name) for name in ("edge_id", "version", "digest", "field", "by")},
            "begun_at": self.begun_at,
            "ended_at": self.ended_at,
            "devices": [asdict(device) for device in self.devices],
            "safe_states": self.safe_states,
        }

    def lines(self) -> Iterator[str]:
        """The protocol for people, to be signed."""
        yield f"Commissioning of {self.edge_id or 'an edge'}, document version {self.version}: {self.verdict}"
        yield f"from {self.begun_at} to {self.ended_at} by {self.by or '(no name)'}, field: {self.field}"
        for device in self.devices:
            yield from _device_lines(device)
        yield ""
        for name, written in self.safe_states.items():
            yield f"  {name} {'was' if written else 'COULD NOT be'} left in its safe state"
        yield ""
        yield f"Result: {self.verdict}. Signature: ______________________"


def _device_lines(device: DeviceRecord) -> Iterator[str]:
    yield ""
    serial = f", serial number {device.serial}" if device.serial else ""
    yield f"{device.device_id} ({device.role}, {device.profile}) at {device.address}{serial}"
    for check in device.checks:
        yield f"  {check.verdict:<7} {check.name}: {check.detail}"
    for step in device.steps:
        shown = f"it shows {_watts(step.ess_watts)}, the grid {_watts(step.grid_watts)}"
        yield f"          asked {_watts(step.asked_watts)}: {shown}"


def _watts(value: float | None) -> str:
    return "nothing" if value is None else f"{value:.0f} W"
