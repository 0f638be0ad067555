"""A change in people's words: pure functions from the answers of the use cases to sentences."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Why edges get no version: of one edge, of several.
WHY = {
    "same": ("already has this", "already have this"),
    "hidden": ("keeps its own value, which hides this one", "keep their own values, which hide this one"),
    "held": ("is held", "are held"),
    "excluded": ("is excluded by you", "are excluded by you"),
    "retired": ("is retired", "are retired"),
    "incomplete": ("has no complete configuration yet", "have no complete configuration yet"),
    "already_invalid": ("was invalid before this change", "were invalid before this change"),
    "quarantined": ("refused this content before (use retry)", "refused this content before (use retry)"),
    "agent_too_old": ("runs an agent too old for it", "run agents too old for it"),
}
LONGEST_VALUE = 60


@dataclass(frozen=True)
class Group:
    """Edges for which the same sections change."""

    sections: tuple[str, ...]
    edges: tuple[str, ...]


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def sentence(answer: Mapping[str, Any]) -> str:
    """The preview in one sentence: how many edges change, how many do not and why."""
    affected, unaffected = answer["affected"], answer["unaffected"]
    head = f"{count(len(affected), 'edge')} will get a new version" if affected else "No edge changes"
    if not unaffected:
        return head + "."
    causes = Counter(item["why"] for item in unaffected)
    parts = [f"{number:,} {WHY[why][number > 1]}" for why, number in sorted(causes.items())]
    return f"{head}; {', '.join(parts)}."


def groups(affected: Iterable[Mapping[str, Any]]) -> list[Group]:
    """Affected edges, grouped by the sections that change for them, largest group first."""
    by_sections: dict[tuple[str, ...], list[str]] = {}
    for item in affected:
        by_sections.setdefault(tuple(sorted(item["changed_sections"])), []).append(item["edge_id"])
    ordered = sorted(by_sections.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return [Group(sections, tuple(sorted(edges))) for sections, edges in ordered]


def shown(value: Any, *, longest: int = LONGEST_VALUE) -> str:
    """A value short enough for a sentence."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def operation(op: Mapping[str, Any]) -> str:
    """One operation as a person would say it."""
    path = op["path"] or "the whole layer"
    match op["op"]:
        case "set":
            return f"set {path} to {shown(op.get('value'))}"
        case "unset":
            return f"give {path} back to what is inherited"
        case "remove":
            return f"remove {path}, also where it is inherited"
        case "lock":
            return f"lock {path} for the layers below"
        case "unlock":
            return f"unlock {path}"
        case "move":
            return f"move to site {op.get('value')}"
        case "retire":
            return "retire it for ever"
        case _:
            return f"{op['op']} {path}"


def named(edges: Sequence[str], *, most: int = 5) -> str:
    """Edges by name while that can be read, then by number."""
    shown = ", ".join(edges[:most])
    return f"{shown} and {len(edges) - most:,} more" if len(edges) > most else shown
