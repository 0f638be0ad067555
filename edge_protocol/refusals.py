"""The words of a schema's refusal, by jsonschema: the oracle of the fast engine, and the fallback for it."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import EMPTY_REGISTRY

from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.layout import list_key
from edge_protocol.pointers import Path, join

_MOST_TEXT = 300


def violations(schema: JsonObject, value: JsonValue, at: Path) -> Iterator[tuple[str, str, str]]:
    """Every violation as (identity pointer, `schema/<keyword>`, detail). Source: JSON Schema 2020-12."""
    validator = _validator(orjson.dumps(schema))
    for error in sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path))):
        path = (*at, *_identities(value, list(error.absolute_path), at))
        for where, detail in _worded(error, path):
            yield join(where), f"schema/{error.validator or 'false'}", detail


@cache
def _validator(schema: bytes) -> Any:
    registry: Registry[Any] = EMPTY_REGISTRY  # and no way to retrieve anything else
    return _Validator(orjson.loads(schema), registry=registry, format_checker=FormatChecker())


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    # In Python's `re`, `$` also matches before a last newline; in the schema's language it does not.
    anchored = pattern.replace("$", r"\Z") if pattern.endswith(("$", "$)")) else pattern
    if isinstance(instance, str) and not re.search(anchored, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Validator: Any = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]


def _identities(value: JsonValue, steps: list[str | int], at: Path) -> Iterator[str]:
    """The steps of an instance path, with an item's identity for its index."""
    path = at
    for step in steps:
        key = list_key(path) if isinstance(step, int) else None
        value = value[step]
        name = value.get(key) if key is not None and isinstance(value, dict) else None
        segment = name if isinstance(name, str) and name else str(step)
        path = (*path, segment)
        yield segment


def _worded(error: ValidationError, path: Path) -> Iterator[tuple[Path, str]]:
    schema = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        for name in error.instance:
            if name not in schema.get("properties", {}):
                yield (*path, name), f"there is no field {_short(repr(name))} here"
    elif "x-message" in schema and error.validator not in ("type", "required"):
        yield path, f"{_short(repr(error.instance))}: {schema['x-message']}"
    else:
        yield path, _short(error.message)


def _short(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"
