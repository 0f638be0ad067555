"""Numbers that move further than a slip of the hand would explain. Pure."""

from collections.abc import Iterator

from configs.resolving import Problem
from edge_protocol.canonical import JsonValue
from edge_protocol.pointers import join
from edge_protocol.provenance import leaves

MANY_TIMES = 10


def leaps(name: str, before: JsonValue, after: JsonValue) -> list[Problem]:
    """The numbers of a section that change by more than ten times, or change sign."""
    old = dict(_numbers(name, before))
    return [
        problem
        for path, number in _numbers(name, after)
        if path in old and (problem := _leap(path, old[path], number)) is not None
    ]


def _numbers(name: str, value: JsonValue) -> Iterator[tuple[tuple[str, ...], float]]:
    for path, leaf in leaves(value, (name,)):
        if isinstance(leaf, int | float) and not isinstance(leaf, bool):
            yield path, leaf


def _leap(path: tuple[str, ...], old: float, new: float) -> Problem | None:
    pointer = join(path)
    if old * new < 0:
        return Problem("sign_flip", pointer, f"{old} becomes {new}: the sign changes")
    small, large = sorted((abs(old), abs(new)))
    if small > 0 and large > MANY_TIMES * small:
        return Problem("ten_times", pointer, f"{old} becomes {new}: more than {MANY_TIMES} times")
    return None
