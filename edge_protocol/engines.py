"""The two JSON Schema engines behind one face: jsonschema-rs where it is installed, else jsonschema.

Both are kept from fetching anything, check formats, and are asked for nothing but which keyword refuses
which value; the words are ours. A corpus in the tests shows that they agree.
"""

import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from edge_protocol.canonical import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class Refusal:
    """`steps` lead to the refused `instance`; `node` is the schema that holds the `keyword`."""

    steps: tuple[str | int, ...]
    keyword: str
    node: JsonObject
    instance: JsonValue


@dataclass(frozen=True, slots=True)
class Engine:
    """One compiled schema: a quick verdict, and every refusal."""

    accepts: Callable[[JsonValue], bool]
    refusals: Callable[[JsonValue], Iterable[Refusal]]


def fast_engine(schema: JsonObject) -> Engine | None:
    """The compiled engine, whose patterns take linear time; None where jsonschema-rs is not installed."""
    try:
        fast: Any = importlib.import_module("jsonschema_rs")
    except ModuleNotFoundError:
        return None
    validator = fast.Draft202012Validator(
        schema, validate_formats=True, offline=True, pattern_options=fast.RegexOptions()
    )

    def refusals(value: JsonValue) -> Iterator[Refusal]:
        for error in validator.iter_errors(value):
            keyword = str(error.schema_path[-1])
            yield Refusal(
                tuple(error.instance_path), keyword, _node(schema, error.schema_path[:-1]), error.instance
            )

    return Engine(validator.is_valid, refusals)


def _node(schema: Any, path: list[str | int]) -> JsonObject:
    for step in path:
        schema = schema[step]
    return schema if isinstance(schema, dict) else {}


def oracle_engine(schema: JsonObject) -> Engine:
    """jsonschema: the fallback, and the oracle of the fast engine in the tests."""
    from jsonschema import Draft202012Validator, FormatChecker  # 20 MB, loaded only where it is needed
    from jsonschema.validators import extend
    from referencing.jsonschema import EMPTY_REGISTRY

    kind: Any = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
    # An empty registry has no way to retrieve what a `$ref` might point at.
    validator = kind(schema, registry=EMPTY_REGISTRY, format_checker=FormatChecker())

    def refusals(value: JsonValue) -> Iterator[Refusal]:
        for error in validator.iter_errors(value):
            node = error.schema if isinstance(error.schema, dict) else {}
            # A refused name is reported by the fast engine as its object; here likewise.
            named = "propertyNames" in error.absolute_schema_path
            instance = _node(value, list(error.absolute_path)) if named else error.instance
            yield Refusal(tuple(error.absolute_path), str(error.validator), node, instance)

    return Engine(validator.is_valid, refusals)


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[Exception]:
    from jsonschema import ValidationError

    # In Python's `re`, `$` also matches before a last newline; in the schema's language it does not.
    anchored = pattern.replace("$", r"\Z") if pattern.endswith(("$", "$)")) else pattern
    if isinstance(instance, str) and not re.search(anchored, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")
