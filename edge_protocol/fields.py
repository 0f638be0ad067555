"""What the schema says of one field: for forms that ask for one value. Nothing is checked here."""

from collections.abc import Mapping

from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.layout import SECTIONS, list_key
from edge_protocol.pointers import MISSING, Path, find
from edge_protocol.schema import schemas


def field_at(document: Mapping[str, JsonValue], path: Path) -> JsonObject | None:
    """The schema of the field at `path`; {} where anything goes, None where the schema knows no such field.

    `document` tells which class a controller has, and so what its parameters are.
    """
    if not path or path[0] not in SECTIONS:
        return None
    root = schemas()[path[0]]
    schema: JsonObject | None = root
    value: JsonValue = document.get(path[0], MISSING)
    for depth, name in enumerate(path[1:], 1):
        if not schema:
            return schema
        schema = _member(schema, value, name, root)
        if isinstance(value, list):
            value = find(value, list_key(path[:depth]), name)
        else:
            value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
    return schema


def _member(schema: JsonObject, value: JsonValue, name: str, root: JsonObject) -> JsonObject | None:
    if "x-list-key" in schema:
        return _resolved(schema.get("items", {}), root)
    kind = value.get("class") if isinstance(value, dict) else None
    if name == "parameters" and isinstance(kind, str) and kind in root.get("$defs", {}):
        return _resolved(root["$defs"][kind], root)
    properties = schema.get("properties", {})
    if name in properties:
        return _resolved(properties[name], root)
    others = schema.get("additionalProperties", {})
    if others is False:
        return None
    return _resolved(others, root) if isinstance(others, dict) else {}


def _resolved(schema: JsonObject, root: JsonObject) -> JsonObject:
    if "$ref" not in schema:
        return schema
    found: JsonObject = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return {**found, **{name: part for name, part in schema.items() if name != "$ref"}}
