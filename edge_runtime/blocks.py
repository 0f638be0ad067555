"""Which points are read together: those of one SunSpec model, or of registers that stand close enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

MOST_REGISTERS: Final = 125
MOST_BITS: Final = 2000
FURTHEST_GAP: Final = 8
"""Registers between two points that are rather read along than asked for apart."""

TEXT_REGISTERS: Final = 16
_REGISTERS: Final = {
    "int32": 2,
    "uint32": 2,
    "acc32": 2,
    "float32": 2,
    "bitfield32": 2,
    "string": TEXT_REGISTERS,
}

Block = tuple[str, ...]


def registers_of(point: Mapping[str, Any]) -> int:
    """How many registers a point of a plain register map takes; a text has room for 32 characters."""
    return 1 if point["fc"] in (1, 2) else _REGISTERS.get(point["type"], 1)


def most_of(fc: int) -> int:
    """The longest read of a function code: registers, or bits."""
    return MOST_BITS if fc in (1, 2) else MOST_REGISTERS


def blocks_of(names: Sequence[str], points: Mapping[str, Mapping[str, Any]]) -> tuple[Block, ...]:
    """Names in blocks, in the order of first mention; a name that is no point stands alone."""
    models: dict[tuple[int, int], list[str]] = {}
    plain: list[str] = []
    unknown: list[Block] = []
    for name in names:
        point = points.get(name)
        if point is None:
            unknown.append((name,))
        elif "sunspec" in point:
            models.setdefault((point["fc"], point["sunspec"]["model"]), []).append(name)
        else:
            plain.append(name)
    return (*(tuple(block) for block in models.values()), *_runs(plain, points), *unknown)


def _runs(names: Iterable[str], points: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    placed = sorted(names, key=lambda name: (points[name]["fc"], points[name]["address"]))
    spans = [(points[name]["fc"], points[name]["address"], registers_of(points[name])) for name in placed]
    return [tuple(placed[index] for index in group) for group in grouped(spans, FURTHEST_GAP)]


def grouped(spans: Sequence[tuple[int, int, int]], gap: int) -> list[list[int]]:
    """Indexes of sorted (function code, address, count) spans that one request can read together."""
    groups: list[list[int]] = []
    fc, begin, end = -1, 0, 0
    for index, (span_fc, address, count) in enumerate(spans):
        near = span_fc == fc and address - end <= gap and address + count - begin <= most_of(fc)
        if near:
            groups[-1].append(index)
            end = max(end, address + count)
        else:
            groups.append([index])
            fc, begin, end = span_fc, address, address + count
    return groups
