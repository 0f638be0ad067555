"""Which grid connections bound a battery, and what is known of them in this turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge_runtime import laws
from edge_runtime.device import Device
from edge_runtime.limits import LocalLimits
from edge_runtime.roster import Post

Shown = Callable[[str], float | None]
"""What a meter shows, less what other batteries take off it in this turn."""


@dataclass(frozen=True, slots=True)
class Connections:
    """The limited ones that a battery is judged by. `unmetered`: a local limit, and no grid meter."""

    limits: Mapping[str, laws.GridLimits]
    unmetered: bool

    def is_known(self, shown: Shown) -> bool:
        return not self.unmetered and all(shown(meter_id) is not None for meter_id in self.limits)

    def asks_for_power(self, ess_watts: float | None) -> bool:
        """Whether nothing can be judged because the battery's own power is unknown."""
        return bool(self.limits) and ess_watts is None

    def judged(self, shown: Shown, ess_watts: float | None) -> Sequence[laws.Connection]:
        pairs = [(shown(meter_id), limits) for meter_id, limits in self.limits.items()]
        return [
            laws.Connection(laws.real_power(grid, ess_watts), limits)
            for grid, limits in pairs
            if grid is not None and ess_watts is not None
        ]


def connections_of(
    ess_id: str, posts: Iterable[Post], devices: Mapping[str, Device], local: LocalLimits
) -> Connections:
    """Every limited grid meter, but those that only controllers of other batteries name.

    `posts` are those of all batteries. A battery whose own controllers name none may be behind any of them.
    """
    acting = [post for post in posts if post.acts and post.meter_id is not None]
    own = {post.meter_id for post in acting if post.ess_id == ess_id}
    others = {post.meter_id for post in acting} - own if own else set()
    meters = {name: device for name, device in devices.items() if device.settings.role == "grid_meter"}
    limits = {name: _limits(device, local) for name, device in meters.items() if name not in others}
    is_limited = math.isfinite(local.max_import_watts) or math.isfinite(local.max_export_watts)
    return Connections({name: one for name, one in limits.items() if one.bind}, is_limited and not meters)


def _limits(meter: Device, local: LocalLimits) -> laws.GridLimits:
    own = meter.settings.limits
    return laws.GridLimits(
        max_import_watts=min(own.get("max_import_w", math.inf), local.max_import_watts),
        max_export_watts=min(own.get("max_export_w", math.inf), local.max_export_watts),
    )
