"""Locks: paths that a layer keeps the layers below it from touching."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edge_protocol.canonical import JsonValue
from edge_protocol.layout import LOCK, LOCK_EXCEPT, REMOVE, list_key
from edge_protocol.pointers import MISSING, Path, find, split
from edge_protocol.provenance import Layer


@dataclass(frozen=True, slots=True)
class Lock:
    """`excepted` names the layers that may touch it: `site/<code>` or `edge/<edge_id>`."""

    pointer: str
    scope: str
    target: str
    excepted: frozenset[str]


@dataclass(frozen=True, slots=True)
class LockViolation:
    """The layer `scope`/`target` touches a path that `locked_by` has locked."""

    path: str
    scope: str
    target: str
    locked_by: Lock

    @property
    def rule(self) -> str:
        return "lock"

    @property
    def detail(self) -> str:
        return f"locked by {self.locked_by.scope}/{self.locked_by.target}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "path": self.path,
            "layer": {"scope": self.scope, "target": self.target},
            "detail": self.detail,
        }


def locked_paths(layer: Layer) -> list[Lock]:
    """The locks that a layer sets, in its order."""
    excepted = layer.body.get(LOCK_EXCEPT, {})
    return [
        Lock(pointer, layer.scope, layer.target, frozenset(excepted.get(pointer, ())))
        for pointer in layer.body.get(LOCK, ())
    ]


def lock_violations(layers: Sequence[Layer]) -> Iterator[LockViolation]:
    """Every touch of a path that a layer above has locked, most general lock first.

    Touch: any member at or below the path, or a removal at or above it. Source: lifecycle, "Lock".
    """
    for position, upper in enumerate(layers):
        for lock in locked_paths(upper) if LOCK in upper.body else ():
            path = split(lock.pointer)
            for lower in layers[position + 1 :]:
                exempt = f"{lower.scope}/{lower.target}" in lock.excepted
                if not exempt and _touches(_merged_part(lower.body), path):
                    yield LockViolation(lock.pointer, lower.scope, lower.target, lock)


def _merged_part(body: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: value for name, value in body.items() if name not in (LOCK, LOCK_EXCEPT)}


def _touches(body: JsonValue, path: Path) -> bool:
    value = body
    for depth, segment in enumerate(path):
        if isinstance(value, list):
            value = find(value, list_key(path[:depth]), segment)
            if isinstance(value, dict) and value.get(REMOVE) is True:
                return True
        elif isinstance(value, dict):
            value = value.get(segment, MISSING)
        else:
            return True  # a removal, or a scalar in place of what is locked
        if value is MISSING:
            return False
        if value is None:
            return True
    return not (isinstance(value, dict | list) and not value)
