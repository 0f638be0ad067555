"""The effective document as leaves: path, value, the layer it came from, who, when, and what it hides."""

from collections.abc import Mapping
from typing import Any

from console.admin.words import shown
from edge_protocol.fields import field_at
from edge_protocol.pointers import MISSING, lookup, split

BADGES = {"organization": "organization", "site": "site", "edge": "edge", "registry": "profile registry"}


def leaves(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Shape: rows in the order of their paths. `answer` is what `configs.history.effective` gives."""
    document = answer["document"]
    rows = []
    for pointer, origin in sorted(answer["provenance"].items()):
        value = lookup(document, split(pointer))
        rows.append(
            {
                "path": pointer or "/",
                "value": "" if value is MISSING else shown(value),
                "unit": (field_at(document, split(pointer)) or {}).get("x-unit", ""),
                "is_derived": origin["scope"] == "registry",
                "layer": BADGES.get(origin["scope"], origin["scope"]),
                "target": origin["target"],
                "author": origin.get("author"),
                "at": origin.get("at"),
                "revision": origin.get("revision"),
                "hides": [f"{hidden['scope']} {hidden['target']}: {shown(hidden['value'])}"
                          for hidden in origin.get("hides", ())],
            }
        )  # fmt: skip
    return rows
