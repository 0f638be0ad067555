"""A draft's preview in people's words: pure functions from a forecast to sentences."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from configs.drafting import Bundle
from configs.forecasting import Difference, Forecast, Leaf, Place
from configs.outcomes import Caution
from configs.refusals import ChangeError
from console.admin import wide, words
from console.admin.links import change_address
from edge_protocol.pointers import MISSING

MOST_LEAVES = 12
MOST_HEADS = 5
NAMED = 20

RESTARTS = {
    "alarms": "alarms are watched by the new rules",
    "core_cycle": "the control cycle starts again with its new times",
    "extensions": "extensions read their settings again",
    "modbus_devices": "connections to changed devices are opened again",
    "profiles": "devices are read by the new profile",
    "scheduler": "changed controllers start again; the others go on",
    "sync": "the agent takes its new times; controlling goes on",
}
MODES = {
    "immediate": "at once",
    "next_cycle": "with the next control cycle",
    "manual": "when somebody on the edge's page says so",
}


def value(found: Any) -> str:
    """A value for a sentence: numbers with separators."""
    if found is MISSING:
        return "nothing"
    if isinstance(found, int | float) and not isinstance(found, bool):
        return f"{found:,}"
    return words.shown(found)


def leaf(one: Leaf) -> dict[str, str]:
    return {"path": one.path, "before": value(one.before), "after": value(one.after)}


def reach(edges: Sequence[Place]) -> str:
    return f"{words.count(len(edges), 'edge')} in {words.count(len({one.site for one in edges}), 'site')}"


def heads(differences: Iterable[Difference]) -> list[dict[str, str]]:
    """Value by value, with its edges, the widest first."""
    places: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
    for one in differences:
        for changed in one.leaves or ():
            told = leaf(changed)
            places[(told["path"], told["before"], told["after"])] += one.edges
    ordered = sorted(places.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return [
        {"path": path, "before": before, "after": after, "reach": reach(edges)}
        for (path, before, after), edges in ordered
    ]


def sentence(found: Forecast) -> str:
    affected = [place for one in found.differences for place in one.edges]
    retired = [one.target for one in found.steps if one.op == "retire"]
    going = f"{words.named(retired, most=NAMED)} will go out of service for ever. " if retired else ""
    if affected:
        return f"{going}{reach(affected)} will get a new version."
    return f"{going}No other edge changes." if going else "No edge changes now, but the layers do."


def left_out(found: Forecast, why_not: Mapping[str, tuple[str, str]] = words.WHY) -> list[dict[str, str]]:
    """Who gets nothing, why, and by name: what hides a change is what people look for."""
    rows = []
    for why, names in sorted(found.left_out.items()):
        text = why_not[why][len(names) > 1]
        rows.append(
            {"count": f"{len(names):,}", "text": text, "names": words.named(sorted(names), most=NAMED)}
        )
    return rows


def groups(differences: Iterable[Difference]) -> list[dict[str, Any]]:
    return [
        {
            "reach": reach(one.edges),
            "names": words.named([place.edge_id for place in one.edges], most=NAMED),
            "sections": ", ".join(one.sections),
            "leaves": [leaf(changed) for changed in (one.leaves or ())[:MOST_LEAVES]],
            "more": max(0, len(one.leaves or ()) - MOST_LEAVES),
            "is_told": one.leaves is not None,
        }
        for one in differences
    ]


def restarts(found: Forecast) -> list[str]:
    return [f"{name}: {RESTARTS[name]}" for name in found.sections if name in RESTARTS]


def times(found: Mapping[tuple[str, str], int]) -> str:
    """When, in one line: "188 with the next control cycle, 26 in the window at 02:00 site time"."""
    ordered = sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))
    return ", ".join(f"{number:,} {_time(mode, start)}" for (mode, start), number in ordered)


def _time(mode: str, start: str) -> str:
    if mode == "window":
        return f"in the maintenance window{f' at {start} site time' if start else ''}"
    return MODES[mode]


def warnings(found: Iterable[Caution]) -> list[dict[str, str]]:
    """The same caution on many edges is one line that names them."""
    causes: dict[tuple[str, str, str], list[str]] = {}
    for one in found:
        names = causes.setdefault((one.rule, one.path, one.detail), [])
        names += [one.edge_id] if one.edge_id else []
    return [
        {"rule": rule, "path": path, "detail": detail, "reach": words.named(sorted(names), most=NAMED)}
        for (rule, path, detail), names in causes.items()
    ]


def errors(found: Iterable[ChangeError]) -> list[dict[str, str]]:
    return warnings(Caution(one.rule, one.edge_id, one.path, one.detail) for one in found)


def steps(found: Iterable[Bundle]) -> list[dict[str, str]]:
    return [
        {
            "key": one.key,
            "text": words.operation(one.operation.to_dict()),
            "where": f"{one.operation.scope} {one.targets[0]}"
            if len(one.targets) == 1
            else f"{words.count(len(one.targets), one.operation.scope)}: "
            f"{words.named(one.targets, most=NAMED)}",
        }
        for one in found
    ]


def differs(difference: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a preview promised, and what would happen now, edge by edge."""
    lines = [
        f"{one['edge_id']}: {_fate(one['before'])} before, {_fate(one['now'])} now"
        for one in difference[:NAMED]
    ]
    more = len(difference) - NAMED
    return [*lines, f"and {more:,} more"] if more > 0 else lines


def _fate(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "not among them"
    if "why" in found:
        return f"it {words.WHY[found['why']][0]}"
    return f"version {found['version']} after {found['from_version']}"


def told(found: Forecast) -> dict[str, Any]:
    """Everything that a preview's page says."""
    number = len(found.preview.affected)
    changes = heads(found.differences)
    return {
        "told": True,
        "digest": found.preview.preview_digest,
        "edges": number,
        "is_wide": wide.is_wide(number, found.fleet),
        "can_be_let_out": found.can_be_let_out,
        "does_something": found.changes_layers,
        "sentence": sentence(found),
        "heads": changes[:MOST_HEADS],
        "more_heads": max(0, len(changes) - MOST_HEADS),
        "left_out": left_out(found),
        "groups": groups(found.differences),
        "restarts": restarts(found),
        "times": times(found.times),
        "warnings": warnings(found.preview.warnings),
        "touched": [{**one, "address": change_address(one["change_set"])} for one in found.touched],
    }
