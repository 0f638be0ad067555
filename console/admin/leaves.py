"""The effective document as leaves: path, value, the layer it came from, who, when, and what it hides."""

from collections.abc import Iterable, Mapping
from typing import Any

from configs.models import ChangeSet
from console.admin.links import change_address
from console.admin.words import shown
from edge_protocol.fields import field_at
from edge_protocol.pointers import MISSING, lookup, split

BADGES = {"organization": "organization", "site": "site", "edge": "edge", "registry": "profile registry"}


def leaves(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Shape: rows in the order of their paths. `answer`: of `configs.history.effective`. One query."""
    document = answer["document"]
    changes = _changes(answer["provenance"].values())
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
                "change": changes.get(str(origin.get("change_set"))),
                "hides": [f"{hidden['scope']} {hidden['target']}: {shown(hidden['value'])}"
                          for hidden in origin.get("hides", ())],
            }
        )  # fmt: skip
    return rows


def _changes(origins: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The change sets that the values came with: their numbers and reasons."""
    wanted = {one["change_set"] for one in origins if one.get("change_set")}
    rows = ChangeSet.objects.filter(pk__in=wanted).values_list("pk", "number", "reason")
    return {
        str(pk): {"number": number, "reason": reason, "address": change_address(pk)}
        for pk, number, reason in rows
    }
