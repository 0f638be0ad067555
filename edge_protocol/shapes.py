"""Checks of a message's members, composed from small ones, and the base that reads messages with them."""

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Self, cast, get_type_hints

from edge_protocol.canonical import MAX_INTEGER, JsonObject, JsonValue
from edge_protocol.errors import MessageError
from edge_protocol.instants import parse_instant
from edge_protocol.pointers import MISSING, Path, join

Check = Callable[[JsonValue, Path], JsonValue]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_DIGEST = re.compile(r"[0-9a-f]{64}")


def refuse(path: Path, what: str) -> MessageError:
    return MessageError(f"{what} is expected", path=join(path))


def text(most: int, least: int = 0) -> Check:
    def check(value: JsonValue, path: Path) -> JsonValue:
        if not isinstance(value, str) or not least <= len(value) <= most:
            raise refuse(path, f"a text of {least} to {most} characters")
        return value

    return check


def matching(pattern: "re.Pattern[str]", what: str) -> Check:
    def check(value: JsonValue, path: Path) -> JsonValue:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise refuse(path, what)
        return value

    return check


def integer(least: int = 0, most: int = MAX_INTEGER) -> Check:
    def check(value: JsonValue, path: Path) -> JsonValue:
        if type(value) is not int or not least <= value <= most:
            raise refuse(path, f"an integer from {least} to {most}")
        return value

    return check


def number(value: JsonValue, path: Path) -> JsonValue:
    if type(value) not in (int, float):
        raise refuse(path, "a number")
    return value


def boolean(value: JsonValue, path: Path) -> JsonValue:
    if not isinstance(value, bool):
        raise refuse(path, "true or false")
    return value


def instant(value: JsonValue, path: Path) -> JsonValue:
    try:
        parse_instant(value)
    except ValueError as error:
        raise refuse(path, "an instant like 2026-02-15T10:30:00Z") from error
    return value


uuid = matching(_UUID, "a UUID")
digest = matching(_DIGEST, "a hex SHA-256")


def nullable(check_value: Check) -> Check:
    return lambda value, path: None if value is None else check_value(value, path)


def items(check_item: Check, most: int) -> Check:
    def check(value: JsonValue, path: Path) -> JsonValue:
        if not isinstance(value, list) or len(value) > most:
            raise refuse(path, f"a list of at most {most} items")
        return [check_item(item, (*path, str(position))) for position, item in enumerate(value)]

    return check


def mapping(check_member: Check, most: int) -> Check:
    def check(value: JsonValue, path: Path) -> JsonValue:
        if not isinstance(value, dict) or len(value) > most:
            raise refuse(path, f"an object of at most {most} members")
        return {name: check_member(member, (*path, name)) for name, member in value.items()}

    return check


def anything(value: JsonValue, _: Path) -> JsonValue:
    return value


def members(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these members; others are kept as they came."""
    known = {**required, **(optional or {})}

    def check(value: JsonValue, path: Path) -> JsonValue:
        if not isinstance(value, dict):
            raise refuse(path, "an object")
        for name in required:
            if name not in value:
                raise refuse((*path, name), "a value")
        return {
            name: known[name](member, (*path, name)) if name in known else member
            for name, member in value.items()
        }

    return check


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    check: Check
    required: bool


@cache
def _members(kind: Hashable) -> tuple[_Member, ...]:
    """A message's members: each field is annotated with its check."""
    hints = get_type_hints(kind, include_extras=True)
    return tuple(
        _Member(
            one.name,
            hints[one.name].__metadata__[0],
            one.default is NO_DEFAULT and one.default_factory is NO_DEFAULT,
        )
        for one in fields(cast("Any", kind))
    )


class Message:
    """Reads itself from a parsed body; unknown members are ignored, so that either end may be newer."""

    __slots__ = ()

    @classmethod
    def from_dict(cls, value: JsonValue, path: Path = ()) -> Self:
        """Errors: MessageError with the pointer of the member that is missing or wrong."""
        if not isinstance(value, dict):
            raise refuse(path, "an object")
        read: JsonObject = {}
        for one in _members(cast("Hashable", cls)):
            if one.name in value:
                read[one.name] = one.check(value[one.name], (*path, one.name))
            elif one.required:
                raise refuse((*path, one.name), "a value")
        return cls(**read)

    def to_dict(self) -> JsonObject:
        """The body as it is sent; what is MISSING is left out."""
        pairs = ((one.name, getattr(self, one.name)) for one in _members(cast("Hashable", type(self))))
        return {name: _plain(value) for name, value in pairs if value is not MISSING}


def _plain(value: Any) -> JsonValue:
    if isinstance(value, Message):
        return value.to_dict()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def message(kind: type[Message]) -> Check:
    return kind.from_dict
