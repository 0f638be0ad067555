"""What the runtime asks of a device in the field, whatever speaks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class UnreachableError(Exception):
    """The device did not answer."""


@dataclass(frozen=True, slots=True)
class PowerRating:
    """What a storage device says that it can do, in positive watts."""

    max_charge_watts: float
    max_discharge_watts: float


class FieldDevice(Protocol):
    """One device on its bus. Every call may raise UnreachableError and takes as long as the bus takes."""

    def serial(self) -> str: ...

    def power_rating(self) -> PowerRating | None: ...

    def read(self, point: str) -> float | None:
        """One point by its canonical name, in its unit; None where the device does not implement it."""

    def write(self, point: str, value: float) -> None: ...
