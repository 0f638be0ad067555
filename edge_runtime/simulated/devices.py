"""Simulated devices: registers in front, a house behind, and a set-point that reverts by itself."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from edge_runtime.simulated.registers import DeviceRegisters
from edge_runtime.site import Defect

ENABLED: Final = 1.0
WATTS: Final = 1.0
BOTH_BOUNDS: Final = 3.0
KEPT: Final = 200
KEPT_WAITS: Final = 60
"""Of a device's past, the newest: a site may be simulated for days."""

Clock = Callable[[], float]


class DeviceFailureError(Exception):
    """The device answers that it has failed."""


class Plant(Protocol):
    """What stands behind the registers: the house, or a bench of a test."""

    def readings(self, device_id: str) -> dict[str, float]: ...

    def command(self, device_id: str, watts: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Traits:
    """What a simulated device is, besides its registers."""

    device_id: str
    unit_id: int
    takes_set_points: bool
    reversion_point: str | None
    answer_s: float = 0.0
    defect: Defect | None = None
    outputs: tuple[str, ...] = ()
    """Coils that can be switched."""


@dataclass(frozen=True, slots=True)
class Written:
    """A write as the device saw it."""

    at_s: float
    address: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """A set-point from when the device began to follow it: after so many reads of it."""

    watts: float
    reads: int


class Turns:
    """Who is asked how often: the reads that each other device had between two of one's own.

    Between two reads of a device that is read every cycle stand no more than another's of a cycle or two.
    """

    def __init__(self) -> None:
        self._since: dict[str, Counter[str]] = {}
        self._waits: dict[str, deque[dict[str, int]]] = {}

    def note(self, device_id: str) -> None:
        mine = self._since.get(device_id)
        if mine is not None:
            self._waits.setdefault(device_id, deque(maxlen=KEPT_WAITS)).append(dict(mine))
        self._since[device_id] = Counter()
        for other, since in self._since.items():
            if other != device_id:
                since[device_id] += 1

    def waits(self, device_id: str) -> list[dict[str, int]]:
        """One for each read but the first, the newest last."""
        return list(self._waits.get(device_id, ()))


class SimulatedDevice:
    """Answers one unit of a bus. A set-point that is not renewed within its reversion time ends."""

    def __init__(
        self,
        traits: Traits,
        registers: DeviceRegisters,
        plant: Plant,
        clock: Clock,
        turns: Turns | None = None,
    ) -> None:
        self.traits = traits
        self.registers = registers
        self.writes: list[Written] = []
        self.followed: deque[Followed] = deque([Followed(0.0, 0)], maxlen=KEPT)
        self.reads = self.reversions = 0
        self.turns = turns or Turns()
        self._plant = plant
        self._clock = clock
        self._first_asked_s: float | None = None
        self._ends_at_s: float | None = None
        self.released = asyncio.Event()
        for name in ("State", "ChargeState"):
            if registers.has(name):
                registers.put(name, 3)

    @property
    def has_vanished(self) -> bool:
        return self._shows("exit")

    async def before_answering(self) -> None:
        """Take the time that answers take. Errors: DeviceFailureError from a device that is defect."""
        if self._first_asked_s is None:
            self._first_asked_s = self._clock()
        if self.traits.answer_s:
            await asyncio.sleep(self.traits.answer_s)
        if self._shows("hang"):
            await self.released.wait()
        if self._shows("crash"):
            raise DeviceFailureError

    def read(self, fc: int, address: int, count: int) -> list[int]:
        """Errors: IllegalAddressError."""
        self.tick()
        self.reads += 1
        self.turns.note(self.traits.device_id)
        self.registers.show(self._shown())
        return self.registers.read(fc, address, count)

    def write(self, fc: int, address: int, values: Sequence[int]) -> None:
        """Errors: IllegalAddressError."""
        self.tick()
        self.registers.write(fc, address, values)
        self.writes.append(Written(self._clock(), address, tuple(values)))
        self._follow()

    def tick(self) -> None:
        """Let a set-point end whose time has passed."""
        if self._ends_at_s is None or self._clock() < self._ends_at_s:
            return
        self._ends_at_s = None
        self.reversions += 1
        for off in ("SetActivePowerEnable", "SetActivePower", "StorageControl"):
            if self.registers.has(off):
                self.registers.put(off, 0)
        self._command(0.0)

    @property
    def set_point_watts(self) -> float:
        """What the device follows: its set-point where it is enabled and meant in watts, or its rates."""
        if not self.registers.has("SetActivePower"):
            return self._rated_watts
        enabled = self.registers.value("SetActivePowerEnable")
        mode = self.registers.value("SetActivePowerMode")
        if enabled not in (None, ENABLED) or mode not in (None, WATTS):
            return 0.0
        return self.registers.value("SetActivePower") or 0.0

    @property
    def outputs(self) -> dict[str, bool]:
        """How its relays stand."""
        return {name: bool(self.registers.value(name)) for name in self.traits.outputs}

    @property
    def _rated_watts(self) -> float:
        """SunSpec 124: what the two bounds leave, where both of them count."""
        largest = self.registers.value("MaxCharge") or 0.0
        charge, discharge = (
            self.registers.value(name) or 0.0 for name in ("SetChargeRate", "SetDischargeRate")
        )
        if self.registers.value("StorageControl") != BOTH_BOUNDS:
            return 0.0
        return min(max(0.0, -charge * largest / 100), discharge * largest / 100)

    def _shows(self, kind: str) -> bool:
        """A defect begins so long after the device was first asked for anything."""
        defect, since_s = self.traits.defect, self._first_asked_s
        if defect is None or defect.kind != kind or since_s is None:
            return False
        return self._clock() - since_s >= defect.after_s

    def _follow(self) -> None:
        if not self.traits.takes_set_points:
            return
        point = self.traits.reversion_point
        seconds = (self.registers.value(point) or 0.0) if point is not None else 0.0
        self._ends_at_s = self._clock() + seconds if seconds > 0 else None
        self._command(self.set_point_watts)

    def _command(self, watts: float) -> None:
        if watts != self.followed[-1].watts:
            self.followed.append(Followed(watts, self.reads))
        self._plant.command(self.traits.device_id, watts)

    def _shown(self) -> dict[str, float]:
        """Readings of points that are measured; what a client wrote stays as it wrote it."""
        readings = self._plant.readings(self.traits.device_id)
        return {name: value for name, value in readings.items() if name != "SetActivePower"}
