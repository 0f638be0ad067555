"""What several batteries may do together in one turn: each uses up a part of it for the ones after it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_runtime.image import Image
from edge_runtime.interval import Interval
from edge_runtime.limits import LocalLimits


@dataclass(slots=True)
class Share:
    """`left` is what the local limits still allow; `_shifts` how far batteries of a meter have moved."""

    left: Interval
    _shifts: dict[str, float] = field(default_factory=dict)

    def take(self, meter_ids: Iterable[str], *, sent: float, measured: float | None) -> None:
        low, high = self.left.low - min(sent, 0.0), self.left.high - max(sent, 0.0)
        self.left = Interval(min(low, 0.0), max(high, 0.0))
        moved = 0.0 if measured is None else sent - measured
        for meter_id in meter_ids:
            self._shifts[meter_id] = self._shifts.get(meter_id, 0.0) + moved

    def grid(self, meter_id: str | None, image: Image) -> float | None:
        """What a meter showed, less what batteries before this one take off it in this very turn.

        So the second battery sees what the first leaves over: both never answer the same watt.
        """
        shown = image.get(meter_id, "ActivePower")
        return None if meter_id is None or shown is None else shown - self._shifts.get(meter_id, 0.0)


def share_of(limits: LocalLimits) -> Share:
    return Share(Interval(-limits.max_charge_watts, limits.max_discharge_watts))
