"""Where a point stands on a device, and what its registers mean."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sunspec2 import mb

from edge_runtime.blocks import registers_of
from edge_runtime.field import RefusedError

LARGEST_SCALE_FACTOR: Final = 10
DIGITS: Final = 12
ROUNDING: Final = 1e-9
_FORMATS: Final = {
    "int16": ">h",
    "uint16": ">H",
    "enum16": ">H",
    "bitfield16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "acc32": ">I",
    "bitfield32": ">I",
    "float32": ">f",
}
_RAW_ROOM: Final = {
    "int16": (-0x7FFF, 0x7FFF),
    "uint16": (0, 0xFFFE),
    "int32": (-0x7FFFFFFF, 0x7FFFFFFF),
    "uint32": (0, 0xFFFFFFFE),
    "acc32": (0, 0xFFFFFFFE),
}
"""Without the word that says "not implemented"."""


@dataclass(frozen=True, slots=True)
class Place:
    """One point on its device. `scale_address` holds the exponent of ten of a scaled SunSpec point."""

    name: str
    fc: int
    write_fc: int | None
    address: int
    count: int
    kind: str
    factor: float
    scale_address: int | None
    sunspec: bool
    word_order: str
    symbols: Mapping[str, int]
    valid: tuple[float, float]

    @property
    def is_bit(self) -> bool:
        return self.fc in (1, 2)

    def value(self, registers: Sequence[int], exponent: int | None) -> float | None:
        """Registers as a number in the point's unit, None where they say that there is none."""
        if self.is_bit:
            return float(registers[0])
        raw = struct.unpack(_FORMATS[self.kind], self._data(registers))[0]
        if (self.kind == "float32" and not math.isfinite(raw)) or self._not_implemented(raw):
            return None
        if self.scale_address is not None and exponent is None:
            return None
        return float(f"{_scaled(raw, exponent or 0) * self.factor:.{DIGITS}g}")

    def text(self, registers: Sequence[int]) -> str:
        data = struct.pack(f">{len(registers)}H", *registers)
        return data.split(b"\0")[0].decode("utf-8", "replace").strip()

    def registers(self, value: float, exponent: int | None) -> list[int]:
        """A number as registers, cut towards zero: a limit is never exceeded by rounding.

        Errors: RefusedError for what does not fit the point's type or its valid range, and for the word that
        means "not implemented" in SunSpec: a device might take it for a number.
        """
        low, high = self.valid
        if not low <= value <= high:
            raise RefusedError(f"{self.name} cannot be {value:g}: outside {low:g} to {high:g}")
        if self.scale_address is not None and exponent is None:
            raise RefusedError(f"{self.name} cannot be written: its scale factor is not implemented")
        raw = _scaled(value / self.factor, -(exponent or 0))
        if self.is_bit:
            return [int(bool(raw))]
        try:
            word = raw if self.kind == "float32" else _cut(raw)
            data = struct.pack(_FORMATS[self.kind], word)
        except (struct.error, OverflowError) as error:
            raise RefusedError(f"{self.name} cannot be {value:g}: it does not fit {self.kind}") from error
        if self._not_implemented(word):
            raise RefusedError(f"{self.name} cannot be {value:g}: that word means that there is no value")
        words = list(struct.unpack(f">{len(data) // 2}H", data))
        return words[::-1] if self.word_order == "little" else words

    def room(self, exponent: int | None) -> tuple[float, float]:
        """The least and the most that its valid range and its type can hold."""
        low, high = self.valid
        if self.kind not in _RAW_ROOM or (self.scale_address is not None and exponent is None):
            return low, high
        ends = sorted(_scaled(raw, exponent or 0) * self.factor for raw in _RAW_ROOM[self.kind])
        return max(low, ends[0]), min(high, ends[1])

    def _data(self, registers: Sequence[int]) -> bytes:
        words = registers[::-1] if self.word_order == "little" else registers
        return struct.pack(f">{len(words)}H", *words)

    def _not_implemented(self, raw: float) -> bool:
        return self.sunspec and not mb.point_type_info[self.kind].is_impl(raw)


def _scaled(value: float, exponent: int) -> float:
    """Dividing by a power of ten keeps decimals exact where multiplying by 0.1 would not."""
    power = float(10 ** abs(exponent))
    return value * power if exponent >= 0 else value / power


def _cut(raw: float) -> int:
    """Towards zero, but 28.999999999999996 is 29."""
    nearest = round(raw)
    return nearest if math.isclose(raw, nearest, rel_tol=ROUNDING, abs_tol=ROUNDING) else int(raw)


def exponent_of(register: int) -> int | None:
    """A `sunssf` register: -10 to 10, anything else is not implemented."""
    exponent = register - 0x10000 if register >= 0x8000 else register
    return exponent if abs(exponent) <= LARGEST_SCALE_FACTOR else None


def plain_place(point: Mapping[str, Any], word_order: str) -> Place:
    """A point of a plain register map."""
    return place(point, word_order, point["address"], registers_of(point), None)


def place(
    point: Mapping[str, Any], word_order: str, address: int, count: int, scale_address: int | None
) -> Place:
    """A profile's point at its address."""
    return Place(
        name=point["name"],
        fc=point["fc"],
        write_fc=point.get("write_fc") if point["access"] == "RW" else None,
        address=address,
        count=count,
        kind=point["type"],
        factor=point.get("scale", 1) * (-1 if point.get("invert") else 1),
        scale_address=scale_address,
        sunspec="sunspec" in point,
        word_order=word_order,
        symbols=point.get("symbols", {}),
        valid=(point.get("valid_min", -math.inf), point.get("valid_max", math.inf)),
    )
