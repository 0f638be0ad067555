"""A device's registers, made from its profile: SunSpec models by their published definitions, or a plain map.

Values are put in and taken out by pysunspec2's own codec where a point is SunSpec, so that the adapter under
test and the simulated device do not share their arithmetic.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sunspec2 import device as definitions
from sunspec2 import mb

from edge_runtime.blocks import registers_of
from edge_runtime.field import RefusedError
from edge_runtime.modbus.places import Place, plain_place

BASE: Final = 40000
END_MODEL: Final = (0xFFFF, 0)
MARKER: Final = (0x5375, 0x6E53)
FINEST_EXPONENT: Final = -2
COARSEST_EXPONENT: Final = 4
_ROOM: Final = {"int16": 32_000, "uint16": 65_000}
_TABLES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 1, 6: 3, 15: 1, 16: 3, 22: 3, 23: 3}
_LARGEST: Final = {"%": 100, "Hz": 70, "V": 1000, "A": 3000, "°C": 150}


class IllegalAddressError(Exception):
    """Nothing stands at this address, or nothing that can be written."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of the profile in the registers; `info` is pysunspec2's, `exponent` its scale factor."""

    address: int
    count: int
    info: Any
    exponent: int
    invert: bool
    writable: bool


class DeviceRegisters:
    """What a client sees of one device. `largest` is the greatest value that a unit will show."""

    def __init__(
        self, profile: Mapping[str, Any], serial: str, largest: Mapping[str, float], base: int
    ) -> None:
        self.tables: dict[int, dict[int, int]] = {1: {}, 2: {}, 3: {}, 4: {}}
        self._cells: dict[str, Cell] = {}
        self._places: dict[str, Place] = {}
        self._writable: set[tuple[int, int]] = set()
        points = {point["name"]: point for point in profile["points"]}
        sunspec = {name: point for name, point in points.items() if "sunspec" in point}
        if sunspec:
            self._lay_models(sunspec, {**_LARGEST, **largest}, base)
        for name, point in points.items():
            if name not in sunspec:
                self._lay_plain(name, point, profile["word_order"])
        for name, text in (
            ("Manufacturer", profile["vendor"]),
            ("Model", profile["model"]),
            ("SerialNumber", serial),
        ):
            self._put_text(name, text)

    def show(self, values: Mapping[str, float]) -> None:
        """Put readings where the profile has points for them; what is not known stays not implemented."""
        for name, value in values.items():
            self.put(name, value)

    def put(self, name: str, value: float) -> None:
        cell, place = self._cells.get(name), self._places.get(name)
        if cell is not None:
            raw = round(-value if cell.invert else value, -cell.exponent) / 10.0**cell.exponent
            self._set(3, cell.address, _words(cell.info.to_data(_fitting(raw, cell.info), 2 * cell.count)))
        elif place is not None:
            try:
                self._set(place.fc, place.address, place.registers(value, None))
            except RefusedError as error:
                raise ValueError(str(error)) from error

    def value(self, name: str) -> float | None:
        """What the registers hold for a point, None where it is not there or not implemented."""
        cell, place = self._cells.get(name), self._places.get(name)
        if cell is not None:
            raw = cell.info.data_to(_data(self._get(3, cell.address, cell.count)))
            if raw is None or not cell.info.is_impl(raw):
                return None
            return float(raw * 10.0**cell.exponent) * (-1 if cell.invert else 1)
        if place is not None:
            return place.value(self._get(place.fc, place.address, place.count), None)
        return None

    def has(self, name: str) -> bool:
        return name in self._cells or name in self._places

    def read(self, fc: int, address: int, count: int) -> list[int]:
        """Errors: IllegalAddressError where a register does not exist."""
        return self._get(_TABLES[fc], address, count)

    def write(self, fc: int, address: int, values: Sequence[int]) -> None:
        """Errors: IllegalAddressError where a register does not exist or is read only."""
        table = _TABLES[fc]
        if any((table, address + index) not in self._writable for index in range(len(values))):
            raise IllegalAddressError(f"{address} to {address + len(values) - 1} cannot be written")
        self._set(table, address, values)

    def _get(self, table: int, address: int, count: int) -> list[int]:
        cells = self.tables[table]
        try:
            return [cells[address + index] for index in range(count)]
        except KeyError as error:
            raise IllegalAddressError(f"nothing at {error}") from error

    def _set(self, table: int, address: int, values: Sequence[int]) -> None:
        for index, value in enumerate(values):
            self.tables[table][address + index] = int(value)

    def _lay_models(self, points: Mapping[str, Any], largest: Mapping[str, float], base: int) -> None:
        self._set(3, base, MARKER)
        address = base + len(MARKER)
        for model_id in sorted({1, *(point["sunspec"]["model"] for point in points.values())}):
            model = definitions.Model(model_id=model_id, model_addr=address)
            inside = {name: point for name, point in points.items() if point["sunspec"]["model"] == model_id}
            exponents = _exponents(model, inside, largest)
            for name, exponent in exponents.items():
                model.points[name].value = exponent
            model.points["ID"].value = model_id
            words = _words(model.get_mb())
            self._set(3, address, words)
            for name, point in inside.items():
                self._lay_cell(name, point, model, address, exponents.get(point.get("sf_point", ""), 0))
            address += len(words)
        self._set(3, address, END_MODEL)

    def _lay_cell(self, name: str, point: Mapping[str, Any], model: Any, address: int, exponent: int) -> None:
        found = model.points[point["sunspec"]["point"]]
        writable = point["access"] == "RW"
        cell = Cell(
            address + found.offset, found.len, found.info, exponent, bool(point.get("invert")), writable
        )
        self._cells[name] = cell
        if writable:
            self._writable |= {(3, cell.address + index) for index in range(cell.count)}
            self._set(3, cell.address, [0] * cell.count)

    def _lay_plain(self, name: str, point: Mapping[str, Any], word_order: str) -> None:
        place = plain_place(point, word_order)
        self._places[name] = place
        self._set(place.fc, place.address, [0] * registers_of(point))
        if point["access"] == "RW":
            self._writable |= {(place.fc, place.address + index) for index in range(place.count)}

    def _put_text(self, name: str, text: str) -> None:
        cell, place = self._cells.get(name), self._places.get(name)
        if cell is not None:
            self._set(3, cell.address, _text_words(text, cell.count))
        elif place is not None and place.kind == "string":
            self._set(place.fc, place.address, _text_words(text, place.count))


def _exponents(model: Any, points: Mapping[str, Any], largest: Mapping[str, float]) -> dict[str, int]:
    """For each scale factor the finest that still has room for everything that it scales."""
    found: dict[str, int] = {}
    for point in points.values():
        name = point.get("sf_point")
        if name is None:
            continue
        definition = model.points[point["sunspec"]["point"]]
        room = _ROOM.get(definition.pdef["type"], 2_000_000_000)
        most = largest.get(point["unit"], 30_000)
        exponent = next(
            exponent
            for exponent in range(FINEST_EXPONENT, COARSEST_EXPONENT + 1)
            if most <= room * 10.0**exponent or exponent == COARSEST_EXPONENT
        )
        found[name] = max(exponent, found.get(name, FINEST_EXPONENT))
    return found


def _fitting(raw: float, info: Any) -> float | int:
    """A meter at its stop: a value too large for its register shows the largest that there is."""
    if info.data_to is mb.data_to_f32:
        return raw
    bits = 16 * int(info.len)
    signed = info.data_to in (mb.data_to_s16, mb.data_to_s32)
    low, high = (-(2 ** (bits - 1)) + 1, 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 2)
    return int(min(max(round(raw), low), high))


def _words(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 2}H", data))


def _data(words: Sequence[int]) -> bytes:
    return struct.pack(f">{len(words)}H", *words)


def _text_words(text: str, count: int) -> list[int]:
    return _words(text.encode()[: 2 * count].ljust(2 * count, b"\0"))
