"""Writing at one path of a layer's body; every function gives a new body and alters none."""

from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.errors import MergeError, PointerError
from edge_protocol.layout import LOCK, LOCK_EXCEPT, REMOVE, REQUIRED, list_key
from edge_protocol.pointers import MISSING, Path, find, join, lookup, split


def value_at(body: JsonObject, path: str) -> JsonValue:
    """What a layer itself writes at a path: a value, None for a removal, MISSING for nothing."""
    steps = split(path)
    found = lookup(body, steps)
    if isinstance(found, dict) and found.get(REMOVE) is True:
        return None
    return found


def set_value(body: JsonObject, path: Path, value: JsonValue) -> JsonObject:
    """Replace the layer's value at a path. Errors: PointerError, MergeError."""
    if value is MISSING:
        raise PointerError("set needs a value", path=join(path))
    _refuse_removals(value, path)
    if not path:
        if not isinstance(value, dict):
            raise PointerError("a layer is an object", path="")
        locks = {name: body[name] for name in (LOCK, LOCK_EXCEPT) if name in body}
        return {**_identified(value, ()), **locks}
    _check_written(path)
    written: JsonObject = _write(body, path, 0, _with_identity(value, path))
    return written


def _refuse_removals(value: JsonValue, path: Path) -> None:
    if value is None:
        raise MergeError("null removes: use the operation remove", path=join(path), rule="schema/type")
    if isinstance(value, dict):
        for name, member in value.items():
            if name.startswith("$"):
                raise MergeError(f"{name} cannot be set: use the operation for it", path=join((*path, name)))
            _refuse_removals(member, (*path, name))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            _refuse_removals(item, (*path, str(position)))


def _check_written(path: Path) -> None:
    if path[0].startswith("$"):
        raise PointerError("locks are written by lock and unlock", path=join(path))
    if path[-1] == REMOVE:
        raise PointerError("a removal is written by remove", path=join(path))


def _with_identity(value: JsonValue, path: Path) -> JsonValue:
    """A set value with the identity that its path gives it. Errors: MergeError for another one."""
    key = list_key(path[:-1])
    if key is not None:
        if not isinstance(value, dict):
            raise MergeError("an item of this list is an object", path=join(path))
        if value.get(key, path[-1]) != path[-1]:
            raise MergeError(f"the path says {key} {path[-1]!r}, the value another", path=join(path))
        value = {key: path[-1], **value}
    elif len(path) > 1 and list_key(path[:-2]) == path[-1] and value != path[-2]:
        raise MergeError("an identity cannot be changed", path=join(path))
    return _identified(value, path)


def _identified(value: JsonValue, path: Path) -> JsonValue:
    """A value whose keyed lists have distinct identities. Errors: MergeError."""
    if isinstance(value, dict):
        return {name: _identified(member, (*path, name)) for name, member in value.items()}
    key = list_key(path) if isinstance(value, list) else None
    if key is not None:
        identities = [item.get(key) if isinstance(item, dict) else None for item in value]
        if not all(isinstance(one, str) and one for one in identities) or len(set(identities)) < len(value):
            raise MergeError(f"each item needs its own {key}", path=join(path))
    return value


def _write(container: JsonValue, path: Path, depth: int, value: JsonValue) -> JsonValue:
    """A copy of `container` (found at path[:depth]) with `value` at `path`, containers made on the way."""
    if depth == len(path):
        return value
    key, segment = list_key(path[:depth]), path[depth]
    if key is not None:
        items = container if isinstance(container, list) else []
        old = find(items, key, segment)
        if depth + 1 < len(path) and (old is MISSING or old.get(REMOVE) is True):
            old = {key: segment}
        new = _write(MISSING if depth + 1 == len(path) else old, path, depth + 1, value)
        return _replaced(items, key, segment, new)
    if isinstance(container, list):
        raise PointerError("a plain list is set as a whole", path=join(path))
    members = container if isinstance(container, dict) else {}
    return {**members, segment: _write(members.get(segment), path, depth + 1, value)}


def _replaced(items: list[JsonValue], key: str, identity: str, new: JsonValue) -> list[JsonValue]:
    if find(items, key, identity) is MISSING:
        return [*items, new]
    return [new if item.get(key) == identity else item for item in items]


def unset(body: JsonObject, path: Path) -> JsonObject:
    """Give a path back to inheritance, where the layer sets something. Errors: PointerError."""
    if not path:
        return {}
    if lookup(body, path) is MISSING:
        return body
    if len(path) > 1 and list_key(path[:-2]) == path[-1]:
        raise PointerError("an identity is not unset: unset its item", path=join(path))
    kept: JsonObject = _without(body, path, 0)
    return kept


def _without(container: JsonValue, path: Path, depth: int) -> JsonValue:
    segment, last = path[depth], depth + 1 == len(path)
    key = list_key(path[:depth])
    if isinstance(container, list) and key is not None:
        old = find(container, key, segment)
        new = MISSING if last else _without(old, path, depth + 1)
        if new is MISSING or set(new) == {key}:
            return [item for item in container if item is not old]
        return _replaced(container, key, segment, new)
    new = MISSING if last else _without(container[segment], path, depth + 1)
    if new is MISSING or (new == {} and not (depth == 0 and segment in REQUIRED)):
        return {name: member for name, member in container.items() if name != segment}
    return {**container, segment: new}


def remove(body: JsonObject, path: Path) -> JsonObject:
    """Write a removal: `null` for a member, `$remove` for an item. Errors: PointerError."""
    if not path:
        raise PointerError("a whole layer is unset, not removed", path="")
    _check_written(path)
    key = list_key(path[:-1])
    if key is None and len(path) > 1 and list_key(path[:-2]) == path[-1]:
        raise PointerError("an identity is not removed: remove its item", path=join(path))
    removal = None if key is None else {key: path[-1], REMOVE: True}
    written: JsonObject = _write(body, path, 0, removal)
    return written


def lock(body: JsonObject, path: str, value: JsonValue) -> JsonObject:
    """Keep the layers below from touching a path. Errors: PointerError."""
    excepted = value.get("except", []) if isinstance(value, dict) else [] if value is MISSING else None
    if not isinstance(excepted, list) or not all(isinstance(one, str) for one in excepted):
        raise PointerError('lock takes {"except": ["site/<code>" | "edge/<edge_id>"]}', path=path)
    exceptions = {name: one for name, one in body.get(LOCK_EXCEPT, {}).items() if name != path}
    if excepted:
        exceptions[path] = sorted(set(excepted))
    return _with_locks(body, {*body.get(LOCK, []), path}, exceptions)


def unlock(body: JsonObject, path: str) -> JsonObject:
    """Take a lock away. Errors: PointerError where there is none."""
    if path not in body.get(LOCK, []):
        raise PointerError("this layer does not lock here", path=path)
    exceptions = {name: one for name, one in body.get(LOCK_EXCEPT, {}).items() if name != path}
    return _with_locks(body, set(body[LOCK]) - {path}, exceptions)


def _with_locks(body: JsonObject, locks: set[str], exceptions: JsonObject) -> JsonObject:
    kept = {name: member for name, member in body.items() if name not in (LOCK, LOCK_EXCEPT)}
    if locks:
        kept[LOCK] = sorted(locks)
    if exceptions:
        kept[LOCK_EXCEPT] = exceptions
    return kept
