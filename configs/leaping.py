"""Numbers that move further than a slip of the hand would explain. Pure.

Compared layer by layer, not edge by edge: what a layer and those above it lead to, before and after, is the
same for all edges below, but for those whose own layers have a say.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from configs.fleet import Pins
from configs.resolving import Problem, Resolver
from edge_protocol.canonical import JsonValue
from edge_protocol.layout import LAYERED, list_key
from edge_protocol.pointers import MISSING, Path, join, lookup

MANY_TIMES = 10

Pair = tuple[JsonValue, JsonValue]


@dataclass(frozen=True, slots=True)
class Step:
    """A number that becomes another."""

    path: Path
    old: float
    new: float


def steps(resolver: Resolver, *, before: Pins | None, after: Pins) -> list[Step]:
    """The numbers of an edge that change."""
    if before is None:
        return []
    found: dict[Path, Step] = {}
    for depth, (old, new) in enumerate(zip(before.layers, after.layers, strict=True)):
        if old == new:
            continue
        for step in _of_layer(resolver, _down_to(before, depth), _down_to(after, depth)):
            if not _overridden(resolver, after.layers[depth + 1 :], step.path):
                found[step.path] = step
    return list(found.values())


def leaps(changed: Iterable[Step]) -> list[Problem]:
    """Those that change by more than ten times, or change sign."""
    return [problem for step in changed if (problem := _leap(step)) is not None]


def _down_to(pins: Pins, depth: int) -> Pins:
    if depth == 2:
        return pins
    return replace(pins, edge=None) if depth == 1 else replace(pins, edge=None, site=None)


def _of_layer(resolver: Resolver, before: Pins, after: Pins) -> list[Step]:
    names = [name for name in LAYERED if resolver.inputs(name, before) != resolver.inputs(name, after)]
    found: list[Step] = []
    for name in names:
        found += resolver.compared(name, before, after, differing_numbers)
    return found


def _overridden(resolver: Resolver, below: tuple[UUID | None, ...], path: Path) -> bool:
    return any(lookup(resolver.body(revision), path) is not MISSING for revision in below)


def differing_numbers(name: str, before: JsonValue, after: JsonValue) -> list[Step]:
    """The numbers that differ between two states of a section."""
    return [Step(path, old, new) for path, (old, new) in _pairs((name,), before, after)]


def _pairs(path: Path, old: JsonValue, new: JsonValue) -> Iterator[tuple[Path, Pair]]:
    """The numbers that stand at one place in both and differ; equal parts are not looked into."""
    if old is MISSING or old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name, member in new.items():
            yield from _pairs((*path, name), old.get(name, MISSING), member)
    elif isinstance(old, list) and isinstance(new, list) and (key := list_key(path)) is not None:
        known = {item[key]: item for item in old}
        for item in new:
            yield from _pairs((*path, item[key]), known.get(item[key], MISSING), item)
    elif _is_number(old) and _is_number(new):
        yield path, (old, new)


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _leap(step: Step) -> Problem | None:
    if step.old * step.new < 0:
        return Problem("sign_flip", join(step.path), f"{step.old} becomes {step.new}: the sign changes")
    small, large = sorted((abs(step.old), abs(step.new)))
    if small > 0 and large > MANY_TIMES * small:
        detail = f"{step.old} becomes {step.new}: more than {MANY_TIMES} times"
        return Problem("ten_times", join(step.path), detail)
    return None
