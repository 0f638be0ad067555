"""What can be known of a profile without a device: its SunSpec points exist, with these types and factors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sunspec2 import device as definitions
from sunspec2.mdef import ModelDefinitionError

Definitions = Mapping[str, Mapping[str, Any]]


def wrong_points(profile: Mapping[str, Any]) -> dict[str, str]:
    """Names of points that no device can have as the profile says, and why."""
    judged = ((point["name"], _wrong(point)) for point in profile["points"])
    return {name: why for name, why in judged if why is not None}


def _wrong(point: Mapping[str, Any]) -> str | None:
    if point["access"] == "RW" and "write_fc" not in point:
        return "it is to be written and has no write_fc"
    if point["access"] == "RW" and (
        point["fc"] in (2, 4) or (point["fc"] == 1) != (point["write_fc"] in (5, 15))
    ):
        return f"what function code {point['fc']} reads, function code {point['write_fc']} does not write"
    if "sunspec" not in point:
        return None
    wanted = point["sunspec"]
    known = _points_of(wanted["model"])
    if known is None:
        return f"there is no SunSpec model {wanted['model']}"
    found = known.get(wanted["point"])
    if found is None:
        return f"SunSpec model {wanted['model']} has no point {wanted['point']}"
    if found["type"] != point["type"]:
        return f"SunSpec {wanted['model']}/{wanted['point']} is {found['type']}, not {point['type']}"
    factor = found.get("sf")
    if isinstance(factor, str) and point.get("sf_point") != factor.strip():
        return f"SunSpec {wanted['model']}/{wanted['point']} is scaled by {factor.strip()}"
    return None


@lru_cache(maxsize=64)
def _points_of(model_id: int) -> Definitions | None:
    """Every point of a model by its name, those of its groups too; None for a model that is not published."""
    try:
        definition = definitions.get_model_def(model_id)
    except ModelDefinitionError:
        return None
    points: dict[str, Mapping[str, Any]] = {}
    groups = [definition["group"]]
    while groups:
        group = groups.pop()
        groups += group.get("groups", [])
        points = {point["name"]: point for point in group.get("points", [])} | points
    return points
