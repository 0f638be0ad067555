"""JSON Pointers in which an item of a keyed list is addressed by its identity.

`/scheduler/controllers/ctrl0/parameters/threshold_watts`; `""` is the whole body.
"""

from collections.abc import Iterable
from typing import Any

from edge_protocol.canonical import JsonValue
from edge_protocol.errors import PointerError
from edge_protocol.layout import list_key


class _Missing:
    """Stands for "no value", where None is a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()

Path = tuple[str, ...]


def split(pointer: str) -> Path:
    """The segments of a pointer, unescaped. Errors: PointerError. Source: RFC 6901."""
    if not isinstance(pointer, str):
        raise PointerError(f"a path is a text, not {type(pointer).__name__}")
    if pointer == "":
        return ()
    if pointer[0] != "/":
        raise PointerError(f'a path starts with "/": {pointer[:100]!r}')
    if "~" not in pointer:
        return tuple(pointer[1:].split("/"))
    return tuple(_unescape(segment, pointer) for segment in pointer[1:].split("/"))


def _unescape(segment: str, pointer: str) -> str:
    if "~" in segment.replace("~0", "").replace("~1", ""):
        raise PointerError(f'"~" is written "~0" in a path: {pointer[:100]!r}')
    return segment.replace("~1", "/").replace("~0", "~")


def join(path: Path) -> str:
    """The pointer of segments; `join(split(p)) == p`. Source: RFC 6901."""
    if not path:
        return ""
    pointer = "/" + "/".join(path)
    if "~" not in pointer and pointer.count("/") == len(path):
        return pointer
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def lookup(body: JsonValue, path: Path) -> JsonValue:
    """The value at `path`, or MISSING. Never raises: what is not there is MISSING."""
    value = body
    for depth, segment in enumerate(path):
        if isinstance(value, dict):
            value = value.get(segment, MISSING)
        elif isinstance(value, list):
            value = find(value, list_key(path[:depth]), segment)
        else:
            return MISSING
    return value


def find(items: list[JsonValue], key: str | None, identity: str) -> JsonValue:
    """The item of a keyed list with that identity, or MISSING."""
    if key is None:
        return MISSING
    for item in items:
        if isinstance(item, dict) and item.get(key) == identity:
            return item
    return MISSING


def get(body: JsonValue, pointer: str) -> JsonValue:
    """The value that a pointer leads to. Errors: PointerError when there is none."""
    value = lookup(body, split(pointer))
    if value is MISSING:
        raise PointerError("nothing stands here", path=pointer)
    return value


def exists(body: JsonValue, pointer: str) -> bool:
    """Whether a pointer leads to a value. Errors: PointerError for a malformed pointer."""
    return lookup(body, split(pointer)) is not MISSING


def touches(one: str, other: str) -> bool:
    """Whether a change at one pointer can change the value at the other: equal, above or below."""
    shorter, longer = sorted((split(one), split(other)), key=len)
    return longer[: len(shorter)] == shorter


class Touching:
    """Many pointers at once: whether any of them `touches` another one, without looking at each."""

    def __init__(self, pointers: Iterable[str]) -> None:
        """Errors: PointerError for a malformed pointer."""
        self._paths = frozenset(map(split, pointers))
        self._above = frozenset(path[:depth] for path in self._paths for depth in range(len(path) + 1))

    def any(self, pointer: str) -> bool:
        """Errors: PointerError for a malformed pointer."""
        path = split(pointer)
        return path in self._above or any(path[:depth] in self._paths for depth in range(len(path)))
