"""SunSpec: finding a device's models by their marker, and points in them by the published definitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sunspec2 import device as definitions

from edge_runtime.field import RefusedError
from edge_runtime.modbus.bus import ExceptionAnswerError
from edge_runtime.modbus.places import Place, place

MARKER: Final = [0x5375, 0x6E53]
BASES: Final = (40000, 50000, 0)
END: Final = 0xFFFF
MOST_MODELS: Final = 200
LAST_REGISTER: Final = 0xFFFF
HEADER_REGISTERS: Final = 2

Read = Callable[[int, int], list[int]]
"""Holding registers from an address, so many."""


@dataclass(frozen=True, slots=True)
class ModelAt:
    """A model on a device: `address` is that of its ID, `length` what follows its header."""

    model_id: int
    address: int
    length: int


def discover(read: Read, base: int | None) -> list[ModelAt]:
    """The device's models in their order. Errors: RefusedError without a marker; what `read` raises."""
    bases = BASES if base is None else (base, *(other for other in BASES if other != base))
    found = next((address for address in bases if _marked(read, address)), None)
    if found is None:
        raise RefusedError(f"no SunSpec marker at {', '.join(str(address) for address in bases)}")
    models: list[ModelAt] = []
    address = found + len(MARKER)
    while len(models) < MOST_MODELS:
        header = _header(read, address)
        if header is None:
            return models
        models.append(ModelAt(header[0], address, header[1]))
        address += HEADER_REGISTERS + header[1]
        if address >= LAST_REGISTER:
            raise RefusedError(f"its SunSpec model {header[0]} would end behind the last register")
    raise RefusedError(f"more than {MOST_MODELS} SunSpec models: no end marker")


def _marked(read: Read, address: int) -> bool:
    try:
        return read(address, len(MARKER)) == MARKER
    except ExceptionAnswerError:
        return False


def _header(read: Read, address: int) -> tuple[int, int] | None:
    """ID and length, None at the end; some devices have no length there."""
    try:
        model_id, length = read(address, HEADER_REGISTERS)
    except ExceptionAnswerError:
        if read(address, 1) == [END]:
            return None
        raise
    return None if model_id == END else (model_id, length)


def sunspec_place(point: Mapping[str, Any], models: list[ModelAt], word_order: str) -> Place:
    """Where the device has a point. Errors: RefusedError when it lacks the model, or the model the point."""
    wanted = point["sunspec"]
    at = next((model for model in models if model.model_id == wanted["model"]), None)
    if at is None:
        raise RefusedError(f"the device has no SunSpec model {wanted['model']}")
    layout = _layout(at.model_id, at.length)
    found = _find(layout, wanted["point"], wanted.get("index", 0))
    if found is None:
        raise RefusedError(f"SunSpec model {at.model_id} has no point {wanted['point']}")
    end = found.offset + found.len
    if end > at.length + HEADER_REGISTERS:
        raise RefusedError(f"the device's SunSpec model {at.model_id} ends before {wanted['point']}")
    scale = _find(layout, point["sf_point"], 0) if "sf_point" in point else None
    scale_address = at.address + int(scale.offset) if scale is not None else None
    return place(point, word_order, at.address + int(found.offset), int(found.len), scale_address)


@lru_cache(maxsize=256)
def _layout(model_id: int, length: int) -> Any:
    """The model's definition laid out for the length that the device states; it gives offsets alone."""
    try:
        return definitions.Model(model_id=model_id, model_len=length)
    except definitions.ModelError as error:
        raise RefusedError(f"SunSpec model {model_id} cannot be laid out: {error}") from error


def _find(group: Any, name: str, index: int) -> Any | None:
    """A point of the fixed block, or of its n-th repetition where an index is given."""
    if index == 0 and name in group.points:
        return group.points[name]
    for inner in group.groups.values():
        repeated = inner if isinstance(inner, list) else [inner]
        at = max(index - 1, 0)
        if at < len(repeated) and name in repeated[at].points:
            return repeated[at].points[name]
    return None
