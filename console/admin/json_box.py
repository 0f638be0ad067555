"""What stands on which line of a JSON text, so that a refusal can point at the line a person typed."""

import json
import re
from collections.abc import Iterator
from typing import Any

from edge_protocol import layout

_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([{}\[\]:,])|([^\s{}\[\]:,"]+))')

Path = tuple[str, ...]
Places = list[tuple[Path, int]]


def lines_by_pointer(text: str) -> dict[str, int]:
    """Purpose: the 1-based line at which the value of every identity pointer begins.

    Shape: `text` has already passed the strict parser. Source: protocol.md, "Pointers".
    """
    _, places = _Scanner(text).value(())
    return {_pointer(path): text.count("\n", 0, offset) + 1 for path, offset in places}


def nearest_line(lines: dict[str, int], pointer: str) -> int | None:
    """The line of the pointer or, when it is absent from the text, of what would contain it."""
    while pointer not in lines and pointer:
        pointer = pointer.rpartition("/")[0]
    return lines.get(pointer)


def broken_line(text: str) -> int | None:
    """Where the text stops being JSON; None when it is JSON that only our stricter reader refuses."""
    try:
        json.loads(text)
    except json.JSONDecodeError as wrong:
        return wrong.lineno
    except RecursionError:
        return None
    return None


def _pointer(path: Path) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


class _Scanner:
    """A walk over the tokens of valid JSON that remembers where each value begins."""

    def __init__(self, text: str) -> None:
        self._tokens: Iterator[re.Match[str]] = _TOKEN.finditer(text)
        self._ahead: re.Match[str] | None = None

    def _peek(self) -> re.Match[str]:
        if self._ahead is None:
            self._ahead = next(self._tokens)
        return self._ahead

    def _take(self) -> re.Match[str]:
        token = self._peek()
        self._ahead = None
        return token

    def value(self, path: Path) -> tuple[Any, Places]:
        token = self._take()
        here: Places = [(path, token.start(token.lastindex or 0))]
        if token[2] == "{":
            return self._members(path, here)
        if token[2] == "[":
            return self._items(path, here)
        return json.loads(token[1] or token[3]), here

    def _members(self, path: Path, places: Places) -> tuple[dict[str, Any], Places]:
        members: dict[str, Any] = {}
        while self._peek()[2] != "}":
            name = json.loads(self._take()[1])
            self._take()
            members[name], inside = self.value((*path, name))
            places += inside
            if self._peek()[2] == ",":
                self._take()
        self._take()
        return members, places

    def _items(self, path: Path, places: Places) -> tuple[list[Any], Places]:
        items: list[Any] = []
        key = layout.list_key(path)
        while self._peek()[2] != "]":
            item, inside = self.value((*path, str(len(items))))
            if key and isinstance(item, dict) and isinstance(item.get(key), str):
                inside = [((*path, item[key], *place[len(path) + 1 :]), at) for place, at in inside]
            items.append(item)
            places += inside
            if self._peek()[2] == ",":
                self._take()
        self._take()
        return items, places
