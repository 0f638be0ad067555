"""What an operator does to a layer, one path at a time, and the operations between two of its states."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edge_protocol.canonical import JsonObject, JsonValue, canonical
from edge_protocol.errors import PointerError
from edge_protocol.layer_writes import lock, remove, set_value, unlock, unset, value_at
from edge_protocol.layout import LOCK, LOCK_EXCEPT, REMOVE, list_key
from edge_protocol.pointers import MISSING, Path, join, split

__all__ = [
    "LAYER_OPERATIONS",
    "Operation",
    "apply_operation",
    "apply_operations",
    "invert",
    "operations_between",
    "value_at",
]

LAYER_OPERATIONS = ("set", "unset", "remove", "lock", "unlock")


@dataclass(frozen=True, slots=True)
class Operation:
    """`value` is MISSING but for `set` (the new value) and `lock` ({"except": [...]} or MISSING)."""

    op: str
    path: str
    value: JsonValue = MISSING

    def to_dict(self) -> dict[str, Any]:
        shown = {"op": self.op, "path": self.path}
        return shown if self.value is MISSING else {**shown, "value": self.value}


def apply_operation(body: JsonObject, *, op: str, path: str, value: JsonValue = MISSING) -> JsonObject:
    """The layer's body after one operation.

    `set` replaces the layer's value at the path; `unset` gives the path back to inheritance (containers
    that it leaves empty go too, but for keyed lists and required sections); `remove` writes a removal;
    `lock` and `unlock` write the layer's locks. Errors: PointerError (a path that cannot be written),
    MergeError (another identity, a `null` in a set value). Source: configuration document, "Layers and
    merge"; wire protocol, "Operator calls".
    """
    steps = split(path)
    if op == "set":
        return set_value(body, steps, value)
    if op == "unset":
        return unset(body, steps)
    if op == "remove":
        return remove(body, steps)
    if op == "lock":
        return lock(body, path, value)
    if op == "unlock":
        return unlock(body, path)
    raise PointerError(f"there is no operation {op!r:.40} on a layer", path=path)


def apply_operations(body: JsonObject, operations: Sequence[Operation]) -> JsonObject:
    """The layer's body after operations in their order. Errors: as `apply_operation`."""
    for operation in operations:
        body = apply_operation(body, op=operation.op, path=operation.path, value=operation.value)
    return body


def operations_between(old: JsonObject, new: JsonObject) -> list[Operation]:
    """Operations that lead from one body of a layer to another, as narrow as they can be.

    Law: `apply_operations(old, operations_between(old, new))` is `new` (its locks sorted).
    `null` and `$remove` in `new` become `remove` operations. `new` is one that `schema.check_layer` accepts.
    """
    return [*_between(_unlocked(old), _unlocked(new), ()), *_lock_changes(old, new)]


def invert(body: JsonObject, *, op: str, path: str, value: JsonValue = MISSING) -> list[Operation]:
    """The operations that undo `op` at `path` on a layer that stood as `body` before.

    They touch `path` alone (and an empty container above it), so that later changes elsewhere stay; an
    item that was unset comes back last. Errors: as `apply_operation`.
    """
    if op in ("lock", "unlock"):
        return _lock_changes(apply_operation(body, op=op, path=path, value=value), body, only=path)
    before = _unlocked(body)
    old = value_at(before, path)
    if old is MISSING:
        return [Operation("unset", path), *_way_back(before, split(path))]
    return [Operation("remove", path)] if old is None else _replacing(old, split(path))


def _way_back(body: JsonObject, path: Path) -> list[Operation]:
    """What stood on the way to a path where nothing stood, if unsetting the path would not leave it."""
    for depth in range(len(path) - 1, 0, -1):
        place = join(path[:depth])
        old = value_at(body, place)
        if old is None:
            return [Operation("remove", place)]
        if old is not MISSING:
            own = {list_key(path[: depth - 1])}
            stays = isinstance(old, list) or (isinstance(old, dict) and bool(set(old) - own))
            return [] if stays else [Operation("set", place, old)]
    return []


def _unlocked(body: JsonObject) -> JsonObject:
    return {name: member for name, member in body.items() if name not in (LOCK, LOCK_EXCEPT)}


def _between(old: JsonValue, new: JsonValue, path: Path) -> Iterator[Operation]:
    key = list_key(path)
    if new is MISSING:
        yield Operation("unset", join(path))
    elif old is MISSING or _is_removal(old):
        yield from _building(new, path) if not _is_same(old, new) else ()
    elif _is_removal(new):
        yield Operation("remove", join(path))
    elif (
        isinstance(old, dict) and isinstance(new, dict) and set(new) - {list_key(path[:-1]) if path else None}
    ):
        yield from _members_between(old, new, path)
    elif key is not None and isinstance(old, list) and isinstance(new, list):
        yield from _items_between(old, new, path, key)
    elif not _is_same(old, new):
        yield from _replacing(new, path)


def _members_between(old: JsonObject, new: JsonObject, path: Path) -> Iterator[Operation]:
    # First what is set, so that no container is ever left empty (and given back) on the way.
    for name, member in new.items():
        yield from _between(old.get(name, MISSING), member, (*path, name))
    for name in old:
        if name not in new:
            yield from _between(old[name], MISSING, (*path, name))


def _items_between(old: list[JsonValue], new: list[JsonValue], path: Path, key: str) -> Iterator[Operation]:
    before, after = ({item[key]: item for item in items} for items in (old, new))
    reachable = [name for name in before if name in after] + [name for name in after if name not in before]
    if reachable == list(after):
        yield from _members_between(before, after, path)
    else:
        yield from _replacing(new, path)


def _replacing(new: JsonValue, path: Path) -> list[Operation]:
    if _is_plain(new):
        return [Operation("set", join(path), new)]
    return [Operation("unset", join(path)), *_building(new, path)]


def _building(new: JsonValue, path: Path) -> Iterator[Operation]:
    """What makes a value where nothing stands; removals in it become operations of their own."""
    if _is_removal(new):
        yield Operation("remove", join(path))
    elif _is_plain(new):
        yield Operation("set", join(path), new)
    else:
        key = list_key(path)
        named = new.items() if key is None else ((item[key], item) for item in new)
        own = list_key(path[:-1]) if path else None
        for name, member in named:
            if name != own:
                yield from _building(member, (*path, name))


def _is_removal(value: JsonValue) -> bool:
    return value is None or (isinstance(value, dict) and value.get(REMOVE) is True)


def _is_plain(value: JsonValue) -> bool:
    """Whether a value can be written by one `set`: no removal anywhere in it."""
    if isinstance(value, dict):
        return REMOVE not in value and all(_is_plain(member) for member in value.values())
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return value is not None


def _is_same(old: JsonValue, new: JsonValue) -> bool:
    return old is not MISSING and canonical(old) == canonical(new)


def _lock_changes(old: JsonObject, new: JsonObject, only: str | None = None) -> list[Operation]:
    before, after = _locks(old), _locks(new)
    changed = [path for path in after if before.get(path) != after[path]]
    locks = [Operation("lock", path, {"except": after[path]}) for path in changed]
    unlocks = [Operation("unlock", path) for path in before if path not in after]
    return [one for one in (*locks, *unlocks) if only is None or one.path == only]


def _locks(body: JsonObject) -> dict[str, list[str]]:
    excepted = body.get(LOCK_EXCEPT, {})
    return {path: sorted(excepted.get(path, [])) for path in sorted(body.get(LOCK, []))}
