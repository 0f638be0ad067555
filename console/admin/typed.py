"""One value in a form: the control that its schema asks for, and what was typed read back as JSON. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from doors.bodies import MAX_DEPTH, OPERATOR_BYTES
from edge_protocol.canonical import JsonObject, JsonValue, parse
from edge_protocol.errors import JsonError
from edge_protocol.pointers import MISSING

CLOCK = "[0-5][0-9]$"  # how the schemas' patterns of a time of day end


class Mistyped(Exception):  # noqa: N818 - an answer to what was typed
    """The text says what is expected."""


@dataclass(frozen=True)
class Control:
    """How one value is asked for. `kind`: number, choice, check, time, text or json."""

    kind: str
    text: str = ""
    hint: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def is_checked(self) -> bool:
        return self.text == "true"


def control(schema: JsonObject | None, value: JsonValue) -> Control:
    """The control for a field of this schema that has `value` now (MISSING: nothing)."""
    schema = schema or {}
    hint = _hint(schema)
    if "enum" in schema:
        choices = tuple((json.dumps(one), _plain(one)) for one in schema["enum"])
        return Control("choice", _json(value), hint, choices=choices)
    match schema.get("type"):
        case "boolean":
            return Control("check", _json(value), hint)
        case "integer" | "number" as kind:
            bounds = {"min": schema.get("minimum"), "max": schema.get("maximum")}
            step = "1" if kind == "integer" else "any"
            attributes = {name: one for name, one in bounds.items() if one is not None} | {"step": step}
            return Control("number", _json(value), hint, attributes)
        case "string" if isinstance(value, str) or value is MISSING:
            kind = "time" if str(schema.get("pattern", "")).endswith(CLOCK) else "text"
            return Control(kind, "" if value is MISSING else value, hint)
    text = "" if value is MISSING else json.dumps(value, indent=2, ensure_ascii=False)
    return Control("json", text, hint or "JSON, as it stands in the document")


def read(schema: JsonObject | None, kind: str, text: str) -> JsonValue:
    """What was typed, as a value. Raises: Mistyped with what is expected instead."""
    schema = schema or {}
    if kind in ("text", "time"):
        if text == "" and schema.get("minLength", 0):
            raise Mistyped("This cannot be empty.")
        return text
    if kind == "check":
        return text in ("on", "true")
    if kind == "number":
        return _number(schema, text.strip())
    return _from_json(text)


def _number(schema: JsonObject, text: str) -> JsonValue:
    try:
        value = parse(text.encode(), max_bytes=OPERATOR_BYTES, max_depth=1)
    except JsonError:
        value = None
    is_whole = schema.get("type") == "integer"
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits or (is_whole and value != int(value)) or not _is_within(schema, value):
        raise Mistyped(f"{text or 'Nothing'} does not fit here: {_hint(schema) or 'a number'}.")
    return int(value) if is_whole else value


def _is_within(schema: JsonObject, value: float) -> bool:
    return bool(
        value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
    )


def _from_json(text: str) -> JsonValue:
    try:
        return parse(text.encode(), max_bytes=OPERATOR_BYTES, max_depth=MAX_DEPTH)
    except JsonError as wrong:
        raise Mistyped(f"{_line(text)}{wrong.detail}") from wrong


def _line(text: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as wrong:
        return f"Line {wrong.lineno}: "
    except (RecursionError, ValueError):
        return ""
    return ""


def _hint(schema: JsonObject) -> str:
    """Range, unit, default and meaning in one line."""
    kind = {"integer": "a whole number", "number": "a number"}.get(str(schema.get("type")), "")
    low, high, above = (schema.get(name) for name in ("minimum", "maximum", "exclusiveMinimum"))
    if low is not None and high is not None:
        kind += f" from {low:,} to {high:,}"
    elif low is not None:
        kind += f" of at least {low:,}"
    elif above is not None:
        kind += f" above {above:,}"
    unit = schema.get("x-unit")
    parts = [f"{kind}{' ' + unit if unit else ''}".strip()]
    parts += [str(schema[name]) for name in ("x-message", "description") if name in schema]
    if "default" in schema and not isinstance(schema["default"], dict | list):
        parts.append(f"default {_plain(schema['default'])}")
    return "; ".join(part for part in parts if part)


def _json(value: JsonValue) -> str:
    return "" if value is MISSING else json.dumps(value, ensure_ascii=False)


def _plain(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
