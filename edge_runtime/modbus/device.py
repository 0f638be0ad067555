"""One Modbus device by its profile: laid out when it is met, read in few requests, written carefully."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from edge_runtime.blocks import FURTHEST_GAP, MOST_REGISTERS, grouped
from edge_runtime.field import PowerRating, RefusedError
from edge_runtime.modbus.bus import Bus, ExceptionAnswerError, Request, Terms
from edge_runtime.modbus.places import Place, exponent_of, plain_place
from edge_runtime.modbus.rates import LARGEST, REVERSION, drives_by_rates, rates
from edge_runtime.modbus.sunspec import discover, sunspec_place
from edge_runtime.settings import SET_POINT, DeviceSettings

SERIAL_NUMBER: Final = "SerialNumber"
MAX_CHARGE: Final = "MaxChargePower"
MAX_DISCHARGE: Final = "MaxDischargePower"
COMPANIONS: Final = (("SetActivePowerMode", "WATTS"), ("SetActivePowerEnable", "ENABLED"))
"""What a SunSpec device needs beside its set-point before it follows it (model 704)."""

Registers = dict[tuple[int, int], int]
"""Function code and address to what was read there."""

WriteRequest = tuple[int, int, list[int]]
"""Function code, first address, words."""


class ModbusDevice:
    """Speaks for one device on a bus that it may share. `on_close` gives the bus back."""

    def __init__(self, settings: DeviceSettings, bus: Bus, on_close: Callable[[], None]) -> None:
        self._settings = settings
        self._bus = bus
        self._on_close = on_close
        connection = settings.connection
        self._terms = Terms(
            unit_id=connection["unit_id"],
            timeout_s=connection["timeout_ms"] / 1000,
            retries=connection["retries"],
            gap_s=settings.request_gap_s,
        )
        self._session = 0
        self._laid_out = False
        self._places: dict[str, Place] = {}
        self._missing: dict[str, str] = {}
        self._read_apart: set[str] = set()
        self._exponents: dict[int, int | None] = {}
        self._rating: dict[str, float | None] = {}
        self._largest_watts: float | None = None

    def session(self) -> int:
        number = self._bus.session(self._terms)
        if number != self._session or not self._laid_out:
            self._session, self._laid_out = number, False
            self._lay_out()
            self._laid_out = True
        return number

    def serial(self) -> str:
        place = self._places.get(SERIAL_NUMBER)
        if place is None or place.kind != "string":
            return ""
        try:
            return place.text(self._bus.read(_whole(place), self._terms, self._session))
        except ExceptionAnswerError as error:
            if not error.lacks_it:
                raise
            self._missing[place.name] = error.reason
            return ""

    def doubt(self) -> None:
        self._laid_out = False

    def power_rating(self) -> PowerRating | None:
        charge, discharge = self._rating.get(MAX_CHARGE), self._rating.get(MAX_DISCHARGE)
        return PowerRating(
            math.inf if charge is None else abs(charge),
            math.inf if discharge is None else abs(discharge),
            self._room(),
        )

    def missing(self) -> Mapping[str, str]:
        polled = self._polled()
        unknown = dict.fromkeys(polled - self._settings.points.keys(), "the profile has no such point")
        return {name: why for name, why in dict(self._missing).items() if name in polled} | unknown

    def read(self, points: Sequence[str]) -> Mapping[str, float | None]:
        places = [self._places[name] for name in points if name in self._places]
        numbers = [place for place in places if place.kind != "string" and place.name not in self._missing]
        registers: Registers = {}
        for group in self._groups(numbers):
            registers |= self._registers_of(group)
        values: dict[str, float | None] = dict.fromkeys(points)
        values |= {place.name: self._value(place, registers) for place in numbers}
        self._rating |= {name: values[name] for name in self._rating if name in values}
        return values

    def write(self, writes: Sequence[tuple[str, float]]) -> None:
        """All is encoded before the first is sent: a lone reversion time keeps an old set-point alive."""
        requests = [request for name, value in writes for request in self._requests(name, value)]
        for fc, address, words in requests:
            self._bus.write(fc, address, words, self._terms, self._session)

    def close(self) -> None:
        self._on_close()

    # --- meeting the device

    def _lay_out(self) -> None:
        points = self._settings.points.values()
        self._places, self._missing, self._exponents = {}, {}, {}
        self._read_apart = set()
        self._largest_watts = None
        models = []
        if any("sunspec" in point for point in points):
            models = discover(self._holding, self._settings.base_address)
        for point in points:
            try:
                placed = (
                    sunspec_place(point, models, self._settings.word_order)
                    if "sunspec" in point
                    else plain_place(point, self._settings.word_order)
                )
            except RefusedError as error:
                self._missing[point["name"]] = str(error)
            else:
                self._places[placed.name] = placed
        rating = [name for name in (MAX_CHARGE, MAX_DISCHARGE) if name in self._places]
        self._rating = dict.fromkeys(rating)
        self._rating = dict(self.read(rating))

    def _holding(self, address: int, count: int) -> list[int]:
        return self._bus.read(Request(3, address, count), self._terms, self._session)

    def _polled(self) -> set[str]:
        return {name for block in (*self._settings.fast, *self._settings.slow) for name in block}

    # --- reading

    def _groups(self, places: Sequence[Place]) -> list[list[Place]]:
        """Points that one request reads: a SunSpec model has no holes, a plain map may have some."""
        apart = [[place] for place in places if place.name in self._read_apart]
        near = [place for place in places if place.name not in self._read_apart]
        near.sort(key=lambda place: (place.fc, _whole(place).address))
        gap = MOST_REGISTERS if near and all(place.sunspec for place in near) else FURTHEST_GAP
        spans = [(place.fc, _whole(place).address, _whole(place).count) for place in near]
        return [[near[index] for index in group] for group in grouped(spans, gap)] + apart

    def _registers_of(self, group: Sequence[Place]) -> Registers:
        requests = [_whole(place) for place in group]
        first = min(request.address for request in requests)
        count = max(request.address + request.count for request in requests) - first
        fc = group[0].fc
        try:
            values = self._bus.read(Request(fc, first, count), self._terms, self._session)
        except ExceptionAnswerError as error:
            if not error.lacks_it:
                raise
            return self._without_what_is_missing(group, error)
        return {(fc, first + index): value for index, value in enumerate(values)}

    def _without_what_is_missing(self, group: Sequence[Place], error: ExceptionAnswerError) -> Registers:
        """The device refuses the block: its points are asked for one by one, now and from now on."""
        if len(group) == 1:
            self._missing[group[0].name] = error.reason
            return {}
        self._read_apart |= {place.name for place in group}
        registers: Registers = {}
        for place in group:
            registers |= self._registers_of([place])
        return registers

    def _value(self, place: Place, registers: Registers) -> float | None:
        if place.name in self._missing:
            return None
        if place.scale_address is not None:
            self._exponents[place.scale_address] = exponent_of(registers[place.fc, place.scale_address])
        words = [registers[place.fc, place.address + index] for index in range(place.count)]
        return place.value(words, self._exponent(place))

    def _exponent(self, place: Place) -> int | None:
        return None if place.scale_address is None else self._exponents.get(place.scale_address)

    # --- writing

    def _place_to_write(self, name: str) -> Place:
        place = self._places.get(name)
        if place is None or place.write_fc is None:
            raise RefusedError(f"{name} cannot be written: {self._missing.get(name, 'it is read only')}")
        if place.scale_address is not None and place.scale_address not in self._exponents:
            self._exponents[place.scale_address] = exponent_of(self._holding(place.scale_address, 1)[0])
        return place

    def _companions(self) -> list[tuple[Place, float]]:
        found = [(self._places.get(name), symbol) for name, symbol in COMPANIONS]
        return [
            (place, float(place.symbols[symbol]))
            for place, symbol in found
            if place is not None and place.write_fc is not None and symbol in place.symbols
        ]

    def _is_reversion(self, name: str) -> bool:
        reversion = self._settings.reversion
        return reversion is not None and name == reversion[0] and name not in self._places

    def _requests(self, name: str, value: float) -> list[WriteRequest]:
        by_rates = drives_by_rates(self._places)
        if by_rates and name == SET_POINT:
            return self._rate_requests(value)
        if by_rates and self._is_reversion(name):
            return self._together([(self._place_to_write(REVERSION), value)])
        companions = self._companions() if name == SET_POINT else []
        return self._together([(self._place_to_write(name), value), *companions])

    def _room(self) -> tuple[float, float]:
        """What a set-point can hold, as far as it is known before the first one was written."""
        place = self._places.get(SET_POINT)
        if place is not None:
            return _whole_watts(*place.room(self._exponent(place)))
        most = self._largest_watts or math.inf
        return _whole_watts(-most, most)

    def _rate_requests(self, watts: float) -> list[WriteRequest]:
        if not self._largest_watts:
            self._largest_watts = self.read([LARGEST])[LARGEST]
        if not self._largest_watts:
            raise RefusedError(f"{SET_POINT} cannot be written: the device states no {LARGEST}")
        return [
            request
            for together in rates(watts, self._largest_watts)
            for request in self._together([(self._place_to_write(name), of) for name, of in together.items()])
        ]

    def _together(self, writes: Sequence[tuple[Place, float]]) -> list[WriteRequest]:
        """In one request where the registers are neighbours in a SunSpec model, else one after the other.

        Apart, the set-point's enabling companions come after it, so that no old set-point is enabled.
        """
        encoded = [(place, place.registers(value, self._exponent(place))) for place, value in writes]
        encoded.sort(key=lambda pair: pair[0].address)
        if len(encoded) > 1 and _neighbours([place for place, _ in encoded]):
            return [(16, encoded[0][0].address, [word for _, registers in encoded for word in registers])]
        return [
            (place.write_fc or 16, place.address, place.registers(value, self._exponent(place)))
            for place, value in writes
        ]


def _whole_watts(low: float, high: float) -> tuple[float, float]:
    """Rounded inwards, and never without rest itself."""
    least = low if math.isinf(low) else math.ceil(low)
    most = high if math.isinf(high) else math.floor(high)
    return min(least, 0.0), max(most, 0.0)


def _whole(place: Place) -> Request:
    """The registers of a point together with its scale factor's, which may change between two reads."""
    if place.scale_address is None:
        return Request(place.fc, place.address, place.count)
    first = min(place.address, place.scale_address)
    end = max(place.address + place.count, place.scale_address + 1)
    return Request(place.fc, first, end - first)


def _neighbours(places: Sequence[Place]) -> bool:
    in_a_row = all(one.address + one.count == other.address for one, other in pairwise(places))
    return in_a_row and all(place.sunspec for place in places)
