"""What can be seen of a device without writing to it: who it is, what it shows, and what a person sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, Final

from edge_runtime.commissioning.findings import FAILED, OPEN, PASSED, DeviceRecord
from edge_runtime.device import Device

Ask = Callable[[str], bool | None]
"""A question to the person beside the device: yes, no, or None when nobody answers."""

PLAUSIBLE: Final[Mapping[str, tuple[float, float]]] = {
    "Frequency": (45.0, 65.0),
    "VoltageA": (80.0, 300.0),
    "Soc": (0.0, 100.0),
}


def record_of(entry: Mapping[str, Any]) -> DeviceRecord:
    connection = entry["connection"]
    end = connection.get("host") or connection["serial"]["device"]
    port = f":{connection['port']}" if "host" in connection else ""
    address = f"{end}{port} unit {connection['unit_id']}"
    return DeviceRecord(entry["device_id"], entry["profile"], entry["role"], address)


def identify(device: Device, serial: str | None, record: DeviceRecord) -> bool:
    """Who answers; whether going on makes sense."""
    if not device.answers or serial is None:
        record.add("answers", FAILED, str(device.health().get("detail", "no answer")))
        return False
    record.serial = serial or None
    record.add("answers", PASSED, "it answers")
    expected = device.settings.expect_serial
    if expected is None:
        advice = (
            f'"expect_serial": "{serial}" in the document would keep it so' if serial else "it states none"
        )
        record.add("identity", OPEN, f"nobody said which serial number is meant; {advice}")
    elif serial == expected:
        record.add("identity", PASSED, f"serial number {serial}, as the document expects")
    else:
        record.add("identity", FAILED, f"serial number {serial!r}, the document expects {expected!r}")
    return device.refuses_writes is None


def look(device: Device, record: DeviceRecord) -> None:
    """Every fast point has a value inside its valid range, and one that can be.

    Slow points are SunSpec's many optional ones too: those without a value are named, no more.
    """
    missing = {point for point, value in device.values.items() if value is None and _numeric(device, point)}
    needed = sorted(missing.intersection(chain(*device.settings.fast)))
    if needed:
        record.add("points", FAILED, f"no valid value: {', '.join(needed)}")
    else:
        without = f"; without: {', '.join(sorted(missing))}" if missing else ""
        record.add("points", PASSED, f"{len(device.values) - len(missing)} points have a value{without}")
    for point, (low, high) in PLAUSIBLE.items():
        value = device.values.get(point)
        if value is not None and not low <= value <= high:
            record.add(point, FAILED, f"{value:g} is outside {low:g} to {high:g}: the scale is wrong")


def ask_person(device: Device, record: DeviceRecord, ask: Ask) -> None:
    """What only somebody on site can tell: whether the sign of what is shown now is right."""
    watts = device.values.get("ActivePower")
    if watts is None:
        return
    question = _question(device, watts)
    if question is None:
        return
    answer = ask(question)
    words = {True: (PASSED, "yes"), False: (FAILED, "no"), None: (OPEN, "nobody answered")}
    verdict, said = words[answer]
    record.add("seen on site", verdict, f"{question} {said}")


def _question(device: Device, watts: float) -> str | None:
    if device.settings.role == "grid_meter":
        seen = "draw from the grid" if watts >= 0 else "feed into the grid"
        return f"It shows {watts:.0f} W. Does the site {seen} now, and about as much?"
    if device.settings.role == "pv_inverter":
        return f"It shows {watts:.0f} W of production. Does its own display say so?"
    if device.settings.role == "ess":
        return f"It shows a charge of {device.values.get('Soc') or 0:.0f} %. Does its own display say so?"
    return None


def _numeric(device: Device, point: str) -> bool:
    return device.settings.points.get(point, {}).get("type") != "string"
