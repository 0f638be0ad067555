"""When a battery could have held a threshold at all: decided without the controllers, from the load alone.

The best that any controller can do for a threshold is to charge, whenever the connection is below it, as much
as fits under it, and to discharge only what is above it. A battery run like that has at every moment at least
as much energy as any other way of running it leaves. So what even this one cannot hold is physically out of
reach, and what it can hold was avoidable - also where another use had spent the energy before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from edge_runtime.simulation.physics import Store

HAIR: Final = 1e-6


def could_hold(
    real_watts: Sequence[float], thresholds: Iterable[float], stores: Sequence[Store], step_s: float
) -> bytearray:
    """Per cycle 1 where the import could have been kept at its threshold, else 0.

    `real_watts` is what the connection would draw without batteries; an infinite threshold asks for nothing.
    """
    tanks = [_Tank(store, step_s / 3600) for store in stores]
    held = bytearray(len(real_watts))
    for index, (real, threshold) in enumerate(zip(real_watts, thresholds, strict=True)):
        rest = real - threshold
        for tank in tanks:
            rest = tank.relieve(rest) if rest > 0 else tank.fill(rest)
        held[index] = rest <= HAIR
    return held


class _Tank:
    """One battery's energy above its floor."""

    def __init__(self, store: Store, hours: float) -> None:
        per_percent = store.capacity_wh / 100
        self._room_wh = max(store.ceiling_percent - store.floor_percent, 0) * per_percent
        self._energy_wh = min(max(store.start_percent - store.floor_percent, 0) * per_percent, self._room_wh)
        self._store = store
        self._hours = hours

    def relieve(self, watts: float) -> float:
        """Give what is asked, as far as it goes; the watts that are still missing."""
        store = self._store
        given = min(watts, store.discharge_watts, self._energy_wh * store.one_way / self._hours)
        self._energy_wh = max(self._energy_wh - given / store.one_way * self._hours, 0.0)
        return watts - given

    def fill(self, watts: float) -> float:
        """Take what is spare (negative watts), as far as it fits; the watts that are still spare."""
        store = self._store
        taken = min(
            -watts, store.charge_watts, (self._room_wh - self._energy_wh) / store.one_way / self._hours
        )
        self._energy_wh += taken * store.one_way * self._hours
        return watts + taken
