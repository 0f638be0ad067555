"""The command line's choice of the field: the recorded house, or Modbus, real or simulated."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge_runtime.devices import Field

log = logging.getLogger(__name__)


class FieldChoiceError(Exception):
    """The options do not fit together, or a file that they name is wrong."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A field, its own running time in seconds, and whether real devices are behind it.

    Those are remembered over a restart when they were driven, and their driver always comes back.
    """

    field: Field
    running_s: Callable[[], float]
    is_real: bool


def choose(parsed: argparse.Namespace) -> Chosen:
    """Errors: FieldChoiceError in one sentence."""
    if parsed.field == "modbus":
        return _modbus(parsed)
    if parsed.simulation is not None:
        raise FieldChoiceError("--simulation is for --field modbus")
    return _recorded(parsed)


def _recorded(parsed: argparse.Namespace) -> Chosen:
    from edge_runtime.house import House
    from edge_runtime.recording import RecordingError
    from edge_runtime.site import SiteError, read_site

    if parsed.site is None:
        raise FieldChoiceError("--site is missing: what stands behind each device")
    try:
        house = House(read_site(parsed.site), clock=time.monotonic, speed=parsed.speed)
    except (SiteError, RecordingError, OSError) as error:
        raise FieldChoiceError(str(error)) from error
    return Chosen(house, lambda: house.running_s, is_real=False)


def _modbus(parsed: argparse.Namespace) -> Chosen:
    from edge_runtime.modbus.field import ModbusField
    from edge_runtime.modbus.lines import straight
    from edge_runtime.modbus.routes import RoutesError, read_routes

    if parsed.site is not None:
        raise FieldChoiceError("--site is for --field recorded")
    try:
        route = straight if parsed.simulation is None else read_routes(parsed.simulation)
    except RoutesError as error:
        raise FieldChoiceError(str(error)) from error
    if parsed.simulation is not None:
        log.warning("a SIMULATED site: no device of the document is reached at its own address")
    began_s = time.monotonic()
    return Chosen(ModbusField(route), lambda: time.monotonic() - began_s, is_real=True)
