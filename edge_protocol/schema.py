"""JSON Schema 2020-12 per section (`schemas/*.json`), and every violation with its path.

No schema refers beyond its own file. Source: JSON Schema 2020-12.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.engines import Engine, fast_engine, oracle_engine
from edge_protocol.errors import SchemaRejected
from edge_protocol.layer_shape import layer_schema, without_removals
from edge_protocol.layout import ENVELOPE_MEMBERS, LAYERED, LOCK, LOCK_EXCEPT, REQUIRED, SECTIONS
from edge_protocol.pointers import Path, join
from edge_protocol.refusals import worded

_MOST_TEXT = 300
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EDGE_ID = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{1,62}$"}
_ENVELOPE: JsonObject = {
    "version": {"type": "integer", "minimum": 0},
    "timestamp": {
        "type": "string",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{1,6})?Z$",
        "format": "date-time",
    },
    "edge_id": _EDGE_ID,
}
_LOCKS: JsonObject = {
    LOCK: {"type": "array", "uniqueItems": True, "items": {"type": "string", "pattern": "^(?:/|$)"}},
    LOCK_EXCEPT: {
        "type": "object",
        "additionalProperties": {
            "type": "array",
            "uniqueItems": True,
            "items": {"type": "string", "pattern": "^(?:site|edge)/[A-Za-z0-9_-]{1,63}$"},
        },
    },
}


@dataclass(frozen=True, slots=True)
class Violation:
    """`path` is an identity pointer, `rule` is `schema/<keyword>`, `detail` is for people."""

    path: str
    rule: str
    detail: str

    def to_dict(self) -> dict[str, str]:
        return {"path": self.path, "rule": self.rule, "detail": self.detail}


@cache
def _section_schemas() -> dict[str, JsonObject]:
    folder = resources.files("edge_protocol").joinpath("schemas")
    return {name: json.loads(folder.joinpath(f"{name}.json").read_bytes()) for name in SECTIONS}


def schemas() -> dict[str, JsonObject]:
    """Section -> its JSON Schema; a fresh mapping of shared schemas, not to be altered."""
    return dict(_section_schemas())


def check(document: Mapping[str, JsonValue]) -> list[Violation]:
    """Every violation of a merged document, sorted by path.

    Shape: sections, with or without `version`, `timestamp`, `edge_id` beside them.
    Source: configuration document, "The document, field by field".
    """
    found = list(_check_names(document, (*SECTIONS, *ENVELOPE_MEMBERS), REQUIRED))
    for name, value in document.items():
        if name in SECTIONS:
            found += check_section(name, value)
        elif name in _ENVELOPE:
            found += _violations(f"envelope.{name}", value, (name,))
    return sorted(found, key=lambda violation: violation.path)


def check_section(name: str, value: JsonValue) -> list[Violation]:
    """Every violation of one section's merged value. Errors: KeyError for an unknown section."""
    return _violations(f"section.{SECTIONS[name].name}", value, (name,))


def check_layer(body: Mapping[str, JsonValue]) -> list[Violation]:
    """Every violation of the shape of a layer: a partial document with removals and locks.

    What a layer leaves out, another may give: only the merged document is checked for completeness.
    """
    found = list(_check_names(body, (*LAYERED, LOCK, LOCK_EXCEPT), ()))
    for name, value in body.items():
        if name in LAYERED and value is not None:
            found += _violations(f"layer.{name}", without_removals(value, (name,)), (name,))
        elif name in _LOCKS:
            found += _violations(f"lock.{name}", value, (name,))
    return sorted(found, key=lambda violation: violation.path)


def check_or_raise(document: Mapping[str, JsonValue]) -> None:
    """Errors: SchemaRejected with every violation of `check`."""
    violations = check(document)
    if violations:
        raise SchemaRejected(violations)


def _check_names(
    document: Mapping[str, JsonValue], known: tuple[str, ...], required: tuple[str, ...]
) -> Iterator[Violation]:
    for name in document:
        if name not in known:
            detail = f"there is no section {name!r:.{_MOST_TEXT}}"
            yield Violation(join((str(name),)), "schema/additionalProperties", detail)
    for name in required:
        if name not in document:
            yield Violation("", "schema/required", f"{name!r} is a required property")


def _violations(which: str, value: JsonValue, path: Path) -> list[Violation]:
    engine = _engine(which)
    if engine.accepts(value):
        return []
    return [Violation(*words) for words in worded(engine.refusals(value), value, path)]


@cache
def _engine(which: str) -> Engine:
    schema = _schema(which)
    return fast_engine(schema) or oracle_engine(schema)


@cache
def _schema(which: str) -> JsonObject:
    group, _, name = which.partition(".")
    if group == "section":
        return _section_schemas()[name]
    if group == "layer":
        return layer_schema(_section_schemas()[name])
    return {"$schema": _DIALECT, **(_ENVELOPE if group == "envelope" else _LOCKS)[name]}
