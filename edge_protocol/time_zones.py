"""The names that a time zone may have, so that no window waits for a misspelt one."""

import json
from functools import cache
from importlib import resources


@cache
def time_zones() -> frozenset[str]:
    """Every name of the IANA time zone database (`time_zones.json`, release 2026f)."""
    names: list[str] = json.loads(resources.files("edge_protocol").joinpath("time_zones.json").read_bytes())
    return frozenset(names)
