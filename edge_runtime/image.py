"""The process image: every input of one cycle, frozen before the first controller sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Image:
    """Channel (`device/Point`) to value in its unit; None and a missing channel are both undefined.

    `at_s` is the plant's own running time in seconds, `now_at` the wall time.
    """

    at_s: float
    now_at: datetime
    values: Mapping[str, float | None]

    def get(self, device_id: str | None, point: str) -> float | None:
        return None if device_id is None else self.values.get(f"{device_id}/{point}")


def freeze(at_s: float, now_at: datetime, values: dict[str, float | None]) -> Image:
    return Image(at_s, now_at, MappingProxyType(dict(values)))
