"""The walk through a site: every device is looked at, every battery is moved a little, and left safe."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edge_protocol.instants import format_instant
from edge_runtime.commissioning.findings import FAILED, OPEN, PASSED, DeviceRecord, Protocol
from edge_runtime.commissioning.looking import Ask, ask_person, identify, look, record_of
from edge_runtime.commissioning.stepping import Bench, Shown, judge, step_test
from edge_runtime.device import Device
from edge_runtime.devices import Devices, Field
from edge_runtime.document import Document
from edge_runtime.field import FieldError
from edge_runtime.limits import LocalLimits

log = logging.getLogger(__name__)

SMALL_SHARE: Final = 0.1
SMALL_WATTS: Final = 500
SMALLEST_WATTS: Final = 50
SPARE_PERCENT: Final = 1.0
MEETINGS: Final = 20
MEETING_PAUSE_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Settings:
    """`watts` None: a tenth of what the battery may do, at most 500 W. `only`: these devices, or all."""

    watts: int | None = None
    settle_s: float = 5.0
    samples: int = 3
    sample_s: float = 1.0
    only: Sequence[str] = ()
    by: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """The world around: a person's answers and permission, a clock that can be waited on, the time of day."""

    ask: Ask
    may: Callable[[str], bool]
    wait: Callable[[float], object]
    seconds: Callable[[], float]
    wall_at: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Site:
    """What is commissioned: a document, its devices, and the field in which they are found."""

    document: Document
    field: Field
    bank: Devices
    limits: LocalLimits


def commission(site: Site, settings: Settings, desk: Desk) -> Protocol:
    """Look at every device of a document and step its batteries. Whatever happens, they are left safe."""
    document, walk = site.document, _Walk(site, settings, desk)
    begun_at = desk.wall_at()
    try:
        walk.meet()
        records = walk.devices()
    finally:
        safe = walk.leave()
    return Protocol(
        edge_id=document.edge_id,
        version=document.version,
        digest=document.digest,
        field=settings.field,
        by=settings.by,
        begun_at=format_instant(begun_at),
        ended_at=format_instant(desk.wall_at()),
        devices=records,
        safe_states=safe,
    )


class _Walk:
    """One run over one document."""

    def __init__(self, site: Site, settings: Settings, desk: Desk) -> None:
        self._document = site.document
        self._field = site.field
        self._limits = site.limits
        self._settings = settings
        self._desk = desk
        self._bank = site.bank
        self._stepped: set[str] = set()

    def meet(self) -> None:
        """Read everything until all have answered, slow points included, or have had their time."""
        self._bank.load(self._document.devices, self._document.profiles)
        blocks = [len(device.settings.slow) for device in self._bank.by_id.values()]
        for turn in range(MEETINGS):
            self._poll()
            if turn > max(blocks, default=0) and all(one.answers for one in self._bank.by_id.values()):
                return
            self._desk.wait(MEETING_PAUSE_S)

    def devices(self) -> list[DeviceRecord]:
        wanted = self._settings.only
        entries = [entry for entry in self._document.devices if not wanted or entry["device_id"] in wanted]
        return [self._device(record_of(entry)) for entry in entries]

    def leave(self) -> dict[str, bool]:
        """Only what was driven is written to."""
        written = {
            name: device.write_safe_state()
            for name, device in self._bank.by_id.items()
            if name in self._stepped
        }
        self._bank.close()
        return written

    def _device(self, record: DeviceRecord) -> DeviceRecord:
        device = self._bank.by_id.get(record.device_id)
        if device is None:
            refused = self._bank.health().get(record.device_id, {})
            record.add("allowed", FAILED, str(refused.get("detail", "it is not in the document")))
            return record
        if not identify(device, self._serial(device), record):
            return record
        look(device, record)
        ask_person(device, record, self._desk.ask)
        if device.settings.role == "ess":
            self._step(device, record)
        return record

    def _serial(self, device: Device) -> str | None:
        handle = self._field.device(device.settings)
        try:
            handle.session()
            return handle.serial()
        except FieldError as error:
            log.warning("%s: %s", device.device_id, error)
            return None
        finally:
            handle.close()

    # --- stepping

    def _step(self, ess: Device, record: DeviceRecord) -> None:
        if not ess.settings.takes_set_points:
            record.add("step test", FAILED, "its profile has no writable active power")
            return
        meter = self._meter()
        watts, up, down = self._room(ess, meter)
        if watts < SMALLEST_WATTS or not (up or down):
            record.add("step test", OPEN, self._no_room(ess, watts))
            return
        way = "discharged and charged" if up and down else "discharged" if up else "charged"
        seconds = self._settings.settle_s + self._settings.samples * self._settings.sample_s
        question = f"{ess.device_id} will be {way} with {watts} W for about {seconds:.0f} s each. Go on?"
        if not self._desk.may(question):
            record.add("step test", OPEN, "not allowed by the person on site")
            return
        self._stepped.add(ess.device_id)
        response = step_test(self._bench(ess, meter), record, watts, up=up, down=down)
        if response is None:
            detail = ess.health().get("detail", "no reason given")
            record.add("step test", FAILED, f"it did not take its set-point: {detail}")
        else:
            judge(response, record, watts)
            self._rest(ess, record, watts)

    def _rest(self, ess: Device, record: DeviceRecord, watts: int) -> None:
        written = ess.write_safe_state()
        shown = self._read(ess, None)[0] if written else None
        if not written:
            record.add("left safe", FAILED, "its safe state could not be written")
        elif shown is None or abs(shown) > max(SMALLEST_WATTS, 0.2 * watts):
            record.add("left safe", FAILED, f"it still shows {shown} W")
        else:
            record.add("left safe", PASSED, f"it rests ({shown:.0f} W)")

    def _meter(self) -> Device | None:
        meters = [one for one in self._bank.by_id.values() if one.settings.role == "grid_meter"]
        return meters[0] if len(meters) == 1 and meters[0].answers else None

    def _room(self, ess: Device, meter: Device | None) -> tuple[int, bool, bool]:
        """How much, and which directions its charge and the grid connection allow now."""
        charge, discharge = self._powers(ess)
        most = min(charge, discharge)
        asked = self._settings.watts
        watts = min(most, min(SMALL_WATTS, SMALL_SHARE * most) if asked is None else asked)
        soc, bounds = ess.values.get("Soc"), ess.settings.limits
        if soc is None or not math.isfinite(watts):
            return 0, False, False
        up = soc > bounds.get("soc_min", 0) + SPARE_PERCENT
        down = soc < bounds.get("soc_max", 100) - SPARE_PERCENT
        grid = None if meter is None else meter.values.get("ActivePower")
        up = up and self._fits(watts, grid, "max_export_w", self._limits.max_export_watts)
        down = down and self._fits(
            watts, None if grid is None else -grid, "max_import_w", self._limits.max_import_watts
        )
        return int(watts), up, down

    def _fits(self, watts: float, towards: float | None, name: str, local: float) -> bool:
        """Whether so much more stays within a limit of the connection; an unknown flow within none at all."""
        meters = [one for one in self._bank.by_id.values() if one.settings.role == "grid_meter"]
        most = min([local, *(self._most(meter, name, local) for meter in meters)])
        return math.isinf(most) or (towards is not None and watts - towards <= most)

    def _powers(self, ess: Device) -> tuple[float, float]:
        rating, limits = ess.power_rating or (math.inf, math.inf), self._limits
        charge = min(rating[0], self._most(ess, "max_charge_w", limits.max_charge_watts))
        return charge, min(rating[1], self._most(ess, "max_discharge_w", limits.max_discharge_watts))

    def _most(self, device: Device, name: str, local: float) -> float:
        return min(float(device.settings.limits.get(name, math.inf)), local)

    def _no_room(self, ess: Device, watts: float) -> str:
        soc = ess.values.get("Soc")
        if soc is None:
            return "its charge is not known: nothing is moved"
        return f"at {soc:.0f} % its limits and those of the connection leave no room for {watts:.0f} W"

    def _bench(self, ess: Device, meter: Device | None) -> Bench:
        last = 0

        def ask(watts: float) -> bool:
            nonlocal last
            last = round(watts)
            return ess.write_power(last)

        def read() -> Shown:
            return self._read(ess, meter, lambda: ess.write_power(last))

        return Bench(ask, read)

    def _read(self, ess: Device, meter: Device | None, hold: Callable[[], object] = lambda: None) -> Shown:
        """Means of a few readings after things have settled; the set-point is renewed meanwhile."""
        self._desk.wait(self._settings.settle_s)
        rows: list[Shown] = []
        for _ in range(self._settings.samples):
            hold()
            self._desk.wait(self._settings.sample_s)
            self._poll()
            grid = None if meter is None else meter.values.get("ActivePower")
            rows.append((ess.values.get("ActivePower"), grid))
        return _mean([row[0] for row in rows]), _mean([row[1] for row in rows])

    def _poll(self) -> None:
        self._bank.poll(self._desk.seconds(), self._desk.wall_at())


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) and known else None
