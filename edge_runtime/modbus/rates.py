"""Batteries that have SunSpec model 124 and no set-point in watts: driven by two rates that leave one power.

`OutWRte` bounds the discharge and `InWRte` the charge, in percent of `WChaMax`; a negative bound of one asks
for the other. Both at once, with opposite signs, leave exactly one power.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from edge_runtime.settings import SET_POINT

LARGEST: Final = "MaxCharge"
REVERSION: Final = "SetRateReversion"
_DISCHARGE: Final = "SetDischargeRate"
_CHARGE: Final = "SetChargeRate"
_CONTROL: Final = "StorageControl"
_BOTH_BOUNDS: Final = 0b11


def drives_by_rates(names: Collection[str]) -> bool:
    """Whether a device with these points is to be driven so."""
    return SET_POINT not in names and {LARGEST, REVERSION, _DISCHARGE, _CHARGE, _CONTROL} <= set(names)


def rates(watts: float, largest_watts: float) -> tuple[Mapping[str, float], ...]:
    """The writes that leave one power, those of one request together; the bounds hold before they count."""
    percent = min(max(100 * watts / largest_watts, -100.0), 100.0)
    return {_DISCHARGE: percent, _CHARGE: -percent}, {_CONTROL: float(_BOTH_BOUNDS)}
