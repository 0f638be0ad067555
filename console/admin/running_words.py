"""What an edge runs beside what it should run, in people's words: pure functions over a comparison."""

from collections.abc import Iterable, Mapping
from typing import Any

from configs.comparing import Beside
from console.admin.words import count, shown
from edge_protocol.fields import field_at
from edge_protocol.layout import SECTIONS
from edge_protocol.pointers import lookup, split

LONGEST_VALUE = 400  # two long values that begin alike are told apart
LENGTH_OF_DIGEST = 12


def sentence(found: Beside | None) -> str:
    """Whether the edge runs what it should; nothing where nothing is desired."""
    if found is None:
        return ""
    if not found.reported:
        return f"It has reported no version that it runs yet; it should run version {found.desired}."
    if found.version is None:
        content = f" ({found.digest[:LENGTH_OF_DIGEST]}…)" if found.digest else ""
        return (
            f"It says that it runs version {found.reported}; it should run {found.desired}. The content that "
            f"runs{content} is not known here, or no longer kept, so nothing can be shown beside each other."
        )
    if found.version == found.reported == found.desired:
        return f"It runs version {found.desired}, as it should."
    return f"{_runs(found)}: {_difference(found)}."


def _runs(found: Beside) -> str:
    if found.version in (found.reported, found.desired) and found.reported != found.desired:
        return f"It runs version {found.reported}; it should run {found.desired}"
    return f"It says that it runs version {found.reported}, but what runs is version {found.version}"


def _difference(found: Beside) -> str:
    number = len(found.differing)
    if not number:
        return "the values are the same"
    return f"{count(number, 'value')} {'differs' if number == 1 else 'differ'}"


def side_by_side(rows: Iterable[dict[str, Any]], found: Beside | None) -> list[dict[str, Any]]:
    """The leaves with what runs beside those that differ, and those that only the running version has.

    `rows`: of `leaves.leaves`. Shape of what is added: `differs`, and then `value` and `runs` in full.
    """
    differing = {} if found is None else {one["path"]: one for one in found.differing}
    told = [_beside(row, differing.get(row["path"])) for row in rows]
    if found is not None:
        told += [_goes(one, found.document) for one in found.differing if "after" not in one]
    return sorted(told, key=lambda row: row["path"])


def _beside(row: dict[str, Any], one: Mapping[str, Any] | None) -> dict[str, Any]:
    if one is None:
        return row | {"differs": False}
    runs = shown(one["before"], longest=LONGEST_VALUE) if "before" in one else ""
    return row | {"differs": True, "value": shown(one["after"], longest=LONGEST_VALUE), "runs": runs}


def _goes(one: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    path = split(one["path"])
    return {
        "path": one["path"],
        "unit": (field_at(document, path) or {}).get("x-unit", ""),
        "is_derived": path[0] in SECTIONS and SECTIONS[path[0]].derived,
        "differs": True,
        "goes": True,
        "runs": shown(lookup(document, path), longest=LONGEST_VALUE),
    }
