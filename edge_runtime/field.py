"""What the runtime asks of a device in the field, whatever speaks for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class FieldError(Exception):
    """The device did not do what it was asked."""


class UnreachableError(FieldError):
    """The device did not answer."""


class RefusedError(FieldError):
    """The device answered, and will not or cannot do this."""


@dataclass(frozen=True, slots=True)
class PowerRating:
    """What a storage device says that it can do, in positive watts; infinite where it does not say.

    `room` is what its set-point can hold, from the least to the most whole watts around zero: an int16 ends
    at 32,767. It rates nothing, it only cuts.
    """

    max_charge_watts: float
    max_discharge_watts: float
    room: tuple[float, float] = (-math.inf, math.inf)


class FieldDevice(Protocol):
    """One device on its bus. All but the last four calls may raise FieldError and take the bus's time."""

    def session(self) -> int:
        """Be connected. Another number than before: what answers now may be another device."""

    def serial(self) -> str:
        """The serial number that the device states, empty where it states none."""

    def read(self, points: Sequence[str]) -> Mapping[str, float | None]:
        """One block by its canonical names, in their units; None where the device has no value."""

    def write(self, writes: Sequence[tuple[str, float]]) -> None:
        """Points with their values, in this order, all in one go."""

    def doubt(self) -> None:
        """Forget where its points stand: the next session finds out anew, for it may be another device."""

    def power_rating(self) -> PowerRating | None:
        """What was last read; costs nothing."""

    def missing(self) -> Mapping[str, str]:
        """Points that the device turned out not to have, and how it said so."""

    def close(self) -> None:
        """Nothing more will be asked."""
