"""From the schema of a whole section to that of a layer's part of it."""

from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.layout import REMOVE, list_key
from edge_protocol.pointers import Path


def layer_schema(schema: JsonObject) -> JsonObject:
    """The same schema without completeness: nothing required but identities, no conditions on absence.

    Types, ranges and names stay, and so do a controller's parameters where its class stands beside them.
    """
    relaxed: JsonObject = {}
    for keyword, value in schema.items():
        if keyword in ("required", "if", "then", "else", "oneOf"):
            continue
        if keyword == "allOf":
            relaxed[keyword] = [_condition(part) for part in value]
        elif keyword in ("properties", "$defs"):
            relaxed[keyword] = {name: layer_schema(part) for name, part in value.items()}
        elif keyword == "items" and isinstance(value, dict):
            key = schema.get("x-list-key")
            relaxed[keyword] = {**layer_schema(value), **({"required": [key]} if key else {})}
        else:
            relaxed[keyword] = value
    return relaxed


def _condition(part: JsonObject) -> JsonObject:
    if "if" not in part:
        return layer_schema(part)
    return {"if": part["if"], "then": layer_schema(part["then"])}


def without_removals(value: JsonValue, path: Path) -> JsonValue:
    """A layer's value as far as it sets something: no `null` members; of a removed item, its identity."""
    if isinstance(value, dict):
        members = {name: member for name, member in value.items() if member is not None}
        return {name: without_removals(member, (*path, name)) for name, member in members.items()}
    key = list_key(path) if isinstance(value, list) else None
    return value if key is None else [_item(item, path, key) for item in value]


def _item(item: JsonValue, path: Path, key: str) -> JsonValue:
    if not isinstance(item, dict) or item.get(REMOVE) is not True:
        return without_removals(item, (*path, str(item.get(key)) if isinstance(item, dict) else ""))
    extra = set(item) - {key, REMOVE}
    return item if extra else {name: item[name] for name in item if name == key}
