"""Operations onto layer bodies. Pure: the same step for a preview, a publish, a revert and a PUT."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from configs.changes import LAYER_OPS, Address, Operation
from configs.models import Scope
from configs.refusals import ChangeError, ChangeRefused
from edge_protocol import schema
from edge_protocol.canonical import JsonObject, JsonValue, canonical
from edge_protocol.errors import DocumentError
from edge_protocol.layout import LOCK, LOCK_EXCEPT
from edge_protocol.operations import apply_operation
from edge_protocol.pointers import MISSING, lookup, split

_NO_BODY: JsonObject = {}


@dataclass(frozen=True, slots=True)
class Applied:
    """One operation that took effect on a layer; `old` is what stood at its path (MISSING: nothing)."""

    operation: Operation
    old: JsonValue
    changed: bool


@dataclass(frozen=True, slots=True)
class Application:
    """The layers after a change set: `bodies` has only those whose content changed."""

    bodies: Mapping[Address, JsonObject]
    applied: tuple[Applied, ...]
    moves: Mapping[str, str]  # edge_id -> site code
    retired: frozenset[str]

    def layer_operations(self) -> Iterable[Applied]:
        return (one for one in self.applied if one.operation.op in LAYER_OPS)


def apply(current: Mapping[Address, JsonObject], operations: Iterable[Operation]) -> Application:
    """`current` maps addresses to bodies (absent: {}). Errors: ChangeRefused with every step that fails."""
    bodies: dict[Address, JsonObject] = {}
    applied, errors = [], []
    moves: dict[str, str] = {}
    retired: set[str] = set()
    for operation in operations:
        address = operation.address
        if operation.op == "move":
            moves[operation.target] = operation.value
            applied.append(Applied(operation, MISSING, True))
        elif operation.op == "retire":
            retired.add(operation.target)
            applied.append(Applied(operation, MISSING, True))
        else:
            body = bodies.get(address, current.get(address, _NO_BODY))
            try:
                bodies[address] = step(body, operation)
            except DocumentError as error:
                rule = getattr(error, "rule", error.code)
                errors.append(_error(address, error.path or operation.path, rule, error.detail))
                continue
            applied.append(Applied(operation, _old(body, operation), bodies[address] != body))
    for address, body in bodies.items():
        errors += _shape_errors(address, current.get(address, _NO_BODY), body)
    if errors:
        raise ChangeRefused(errors)
    changed = {address: body for address, body in bodies.items() if body != current.get(address, _NO_BODY)}
    return Application(changed, tuple(applied), moves, frozenset(retired))


def replay(body: JsonObject, operations: Iterable[Operation]) -> tuple[JsonObject, tuple[Applied, ...]]:
    """A layer's body after steps that are right because they lead to a state that once was."""
    applied = []
    for operation in operations:
        after = step(body, operation)
        applied.append(Applied(operation, _old(body, operation), after != body))
        body = after
    return body, tuple(applied)


def step(body: JsonObject, operation: Operation) -> JsonObject:
    """A layer's body after one step. Errors: DocumentError."""
    if operation.op in {"unset", "unlock"} and _old(body, operation) is MISSING:
        return body  # no effect: told as a caution, so that one step can serve many edges
    return apply_operation(body, op=operation.op, path=operation.path, value=operation.value)


def _old(body: JsonObject, operation: Operation) -> JsonValue:
    """What the operation replaces: a value of the layer, or its lock at the path."""
    if operation.op not in {"lock", "unlock"}:
        return lookup(body, split(operation.path))
    if operation.path not in body.get(LOCK, ()):
        return MISSING
    return {"except": list(body.get(LOCK_EXCEPT, {}).get(operation.path, ()))}


def _shape_errors(address: Address, before: JsonObject, after: JsonObject) -> list[ChangeError]:
    """The violations that the operations brought; what was wrong before does not block them."""
    found = schema.check_layer(after)
    known = set(schema.check_layer(before)) if found else set()
    return [_error(address, one.path, one.rule, one.detail) for one in found if one not in known]


def _error(address: Address, path: str, rule: str, detail: str) -> ChangeError:
    edge_id = address.target if address.scope == Scope.EDGE else None
    return ChangeError(edge_id, path, rule, address.to_dict(), detail)


def text(value: Any) -> str | None:
    """A value as it is stored beside an operation: canonical JSON, None for nothing."""
    return None if value is MISSING else canonical(value).decode()
