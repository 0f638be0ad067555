"""A schema's refusals as an operator reads them: by identity pointer, in words with units."""

import re
from collections.abc import Callable, Iterable, Iterator

from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.engines import Refusal
from edge_protocol.layout import list_key
from edge_protocol.pointers import Path, join

_MOST_TEXT = 200


def worded(refusals: Iterable[Refusal], value: JsonValue, at: Path) -> list[tuple[str, str, str]]:
    """Each refusal of a value that stands at `at`, as (identity pointer, `schema/<keyword>`, detail)."""
    found: dict[tuple[str, str, str], None] = {}
    for refusal in refusals:
        path = (*at, *_identities(value, refusal.steps, at))
        for where, detail in _details(refusal, path):
            found.setdefault((join(where), f"schema/{refusal.keyword}", detail))
    return sorted(found)


def _identities(value: JsonValue, steps: tuple[str | int, ...], at: Path) -> Iterator[str]:
    """The steps of an instance path, with an item's identity for its index."""
    path = at
    for step in steps:
        key = list_key(path) if isinstance(step, int) else None
        value = value[step]
        name = value.get(key) if key is not None and isinstance(value, dict) else None
        segment = name if isinstance(name, str) and name else str(step)
        path = (*path, segment)
        yield segment


def _details(refusal: Refusal, path: Path) -> Iterator[tuple[Path, str]]:
    node, instance = refusal.node, refusal.instance
    if isinstance(instance, dict) and refusal.keyword in _OBJECT_RULES:
        yield from _OBJECT_RULES[refusal.keyword](node, instance, path)
    elif "x-message" in node and refusal.keyword != "type":
        yield path, f"{_shown(instance)}: {node['x-message']}"
    else:
        words = _WORDS.get(refusal.keyword)
        stated = f"is refused by {refusal.keyword}" if words is None else words(node)
        yield path, f"{_shown(instance)} {stated}"


def _unknown_fields(node: JsonObject, instance: JsonObject, path: Path) -> Iterator[tuple[Path, str]]:
    for name in instance:
        if name not in node.get("properties", {}):
            yield (*path, name), f"there is no field {_shown(name)} here"


def _missing_fields(node: JsonObject, instance: JsonObject, path: Path) -> Iterator[tuple[Path, str]]:
    for name in node["required"]:
        if name not in instance:
            yield path, f"{name!r} is a required property"


def _forbidden(node: JsonObject, instance: JsonObject, path: Path) -> Iterator[tuple[Path, str]]:
    """`not`: of members together, or of a name (the engines only say that an object has a refused one)."""
    if "required" in node["not"]:
        yield path, f"may not have {', '.join(node['not']['required'])} here"
    for name in instance:
        if re.search(node["not"].get("pattern", "$^"), name):
            yield (*path, name), node["x-message"]


def _misnamed(node: JsonObject, instance: JsonObject, path: Path) -> Iterator[tuple[Path, str]]:
    for name in instance:
        if not re.search(node["pattern"], name):
            yield (*path, name), node.get("x-message", f"{_shown(name)} is no name here")


def _badly_long(node: JsonObject, instance: JsonObject, path: Path) -> Iterator[tuple[Path, str]]:
    for name in instance:
        if not node.get("minLength", 0) <= len(name) <= node.get("maxLength", len(name)):
            yield (*path, name), f"a name has {node.get('minLength', 0)} to {node['maxLength']} characters"


_OBJECT_RULES: dict[str, Callable[[JsonObject, JsonObject, Path], Iterator[tuple[Path, str]]]] = {
    "additionalProperties": _unknown_fields,
    "required": _missing_fields,
    "not": _forbidden,
    "pattern": _misnamed,
    "minLength": _badly_long,
    "maxLength": _badly_long,
}


def _shown(value: JsonValue) -> str:
    """A scalar as it stands; of a container its kind (it may be large, and hold what none should read)."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"


def _with_unit(node: JsonObject, keyword: str) -> str:
    unit = node.get("x-unit")
    return f"{node[keyword]} {unit}" if unit else str(node[keyword])


def _types(node: JsonObject) -> str:
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    return f"is not of type {' or '.join(kinds)}"


_WORDS: dict[str, Callable[[JsonObject], str]] = {
    "type": _types,
    "enum": lambda node: f"is not one of {', '.join(map(str, node['enum']))}",
    "minimum": lambda node: f"is below the minimum of {_with_unit(node, 'minimum')}",
    "maximum": lambda node: f"is above the maximum of {_with_unit(node, 'maximum')}",
    "exclusiveMinimum": lambda node: f"is not above {_with_unit(node, 'exclusiveMinimum')}",
    "pattern": lambda node: f"does not match {node['pattern']}",
    "format": lambda node: f"is not a {node['format']}",
    "minLength": lambda node: f"is shorter than {node['minLength']} characters",
    "maxLength": lambda node: f"is longer than {node['maxLength']} characters",
    "minItems": lambda node: f"has fewer than {node['minItems']} items",
    "maxItems": lambda node: f"has more than {node['maxItems']} items",
    "uniqueItems": lambda _: "has an item twice",
}
