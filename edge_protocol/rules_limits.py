"""Semantic rules about what a controller cannot reach: what one before it fixed, what its storage allows."""

from collections.abc import Iterator

from edge_protocol.subject import (
    BALANCING,
    FIXED,
    LIMIT,
    PEAK_SHAVING,
    RELAY,
    Controller,
    Device,
    Finding,
    Subject,
    warning,
)

EQUALITIES = (BALANCING, FIXED)


def nothing_left(subject: Subject) -> Iterator[Finding]:
    """W19: who fixes the power leaves nothing to those after it on the same storage, W12 apart."""
    fixed_by: dict[str, Controller] = {}
    for controller in subject.controllers:
        ess = subject.ess(controller)
        if ess is None or controller.kind == RELAY:
            continue
        first = fixed_by.get(ess.path)
        if first is not None and not (first.kind == BALANCING and controller.kind in PEAK_SHAVING):
            name = first.body["id"]
            detail = f"{name} runs before it and fixes the storage's power: it acts only while {name} is idle"
            yield warning("W19", controller.path, detail)
        if controller.kind in EQUALITIES:
            fixed_by.setdefault(ess.path, controller)


def beyond_limits(subject: Subject) -> Iterator[Finding]:
    """W20: what a controller asks for lies beyond the limits of its storage, which are kept."""
    for controller in subject.controllers:
        ess = subject.ess(controller)
        if ess is not None:
            for parameter, detail in _beyond(controller, ess):
                yield warning("W20", f"{controller.path}/parameters/{parameter}", detail)


def _beyond(controller: Controller, ess: Device) -> Iterator[tuple[str, str]]:
    given, limits = controller.parameters, ess.body.get("limits", {})
    most_out, most_in = limits.get("max_discharge_w"), limits.get("max_charge_w")
    power = given.get("power_watts", 0) if controller.kind == FIXED else 0
    if most_out is not None and power > most_out:
        yield "power_watts", f"the storage discharges with at most {most_out} W: more is cut"
    if most_in is not None and -power > most_in:
        yield "power_watts", f"the storage charges with at most {most_in} W: more is cut"
    if most_in is not None and given.get("force_charge_power", 0) > most_in:
        yield "force_charge_power", f"the storage charges with at most {most_in} W: more is cut"
    if controller.kind == LIMIT and "min_soc" in given:
        yield from _floor(given["min_soc"], limits)


def _floor(min_soc: float, limits: dict[str, float]) -> Iterator[tuple[str, str]]:
    lowest, highest = limits.get("soc_min"), limits.get("soc_max")
    if lowest is not None and min_soc < lowest:
        yield "min_soc", f"the storage itself stops at soc_min {lowest:g} %: this never acts"
    if highest is not None and min_soc >= highest:
        yield "min_soc", f"the storage never has more than soc_max {highest:g} %: it would never discharge"
