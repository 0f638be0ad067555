"""What an operator wants, before anything is known of its consequences. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from configs.models import Kind, Scope
from configs.refusals import ChangeError, ChangeRefused
from edge_protocol.canonical import JsonValue, canonical, digest
from edge_protocol.errors import DocumentError
from edge_protocol.pointers import MISSING, split

LAYER_OPS = ("set", "unset", "remove", "lock", "unlock")
EDGE_OPS = ("move", "retire")
WITH_VALUE = ("set", "lock", "move")
SELECTOR_KEYS = ("all", "sites", "tags", "edges", "status")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: the name that history shows for ever, and the person where there is one."""

    name: str
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """A layer: `organization/<code>`, `site/<code>` or `edge/<edge_id>`."""

    scope: str
    target: str

    def __str__(self) -> str:
        return f"{self.scope}/{self.target}"

    def to_dict(self) -> dict[str, str]:
        return {"scope": self.scope, "target": self.target}


@dataclass(frozen=True, slots=True)
class Operation:
    """One step. `target` is empty only beside a selector: then it is meant for each selected edge."""

    scope: str
    target: str
    op: str
    path: str = ""
    value: JsonValue = field(default=MISSING)

    @property
    def address(self) -> Address:
        return Address(self.scope, self.target)

    def to_dict(self) -> dict[str, Any]:
        shown = {"scope": self.scope, "target": self.target, "op": self.op, "path": self.path}
        return shown if self.value is MISSING else {**shown, "value": self.value}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> "Operation":
        """Errors: ChangeRefused for a shape that is none."""
        operation = cls(
            scope=given.get("scope") or "",
            target=given.get("target") or "",
            op=given.get("op") or "",
            path=given.get("path") or "",
            value=given.get("value", MISSING),
        )
        check_shape([operation], selected=True)
        return operation


@dataclass(frozen=True, slots=True)
class Change:
    """One intent over one or more layers.

    Shape: `selector` = {all: true} or {sites, tags, edges, status} (each a list; what is named narrows);
    `exclude` = edge_ids to leave out, held.
    """

    reason: str
    operations: Sequence[Operation]
    selector: Mapping[str, Any] | None = None
    exclude: Sequence[str] = ()
    kind: str = Kind.EDIT
    reverts: UUID | None = None


def intent_digest(operations: Iterable[Operation], exclude: Iterable[str]) -> str:
    """Names the intent itself, selectors resolved: a preview of other operations never fits it."""
    steps = [operation.to_dict() for operation in operations]
    return digest(canonical({"operations": steps, "exclude": sorted(exclude)}))


def check_change(change: Change) -> None:
    """The shape of an intent, before anything is read. Errors: ChangeRefused."""
    check_shape(change.operations, selected=change.selector is not None)
    if change.selector is not None:
        complaint = selector_complaint(change.selector)
        if complaint is not None:
            raise _refused("selector", complaint)
    try:
        intent_digest(change.operations, change.exclude)
    except DocumentError as error:
        raise ChangeRefused([ChangeError(None, error.path, error.code, None, error.detail)]) from error


def selector_complaint(selector: Mapping[str, Any]) -> str | None:
    """What is wrong with the shape of a selector, in words; None: nothing."""
    unknown = sorted(set(selector) - set(SELECTOR_KEYS))
    if unknown:
        return f"a selector has no member {unknown[0]!r}"
    named = {name: value for name, value in selector.items() if value not in (None, False, [])}
    if not named:
        return "an empty selector selects nothing: name edges, or say all"
    if "all" in named and (named["all"] is not True or len(named) > 1):
        return "all stands alone, and is true"
    for name, value in named.items():
        if name != "all" and not _texts(value):
            return f"{name} is a list of texts"
    return None


def _texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def check_shape(operations: Sequence[Operation], *, selected: bool) -> None:
    """Scope, target, op, path and value fit together. Errors: ChangeRefused."""
    errors = [error for operation in operations if (error := _misshapen(operation, selected)) is not None]
    if errors:
        raise ChangeRefused(errors)


def _misshapen(operation: Operation, selected: bool) -> ChangeError | None:
    detail = _complaint(operation, selected)
    if detail is None:
        return None
    layer = operation.address.to_dict() if operation.target else None
    return ChangeError(None, operation.path, "operation", layer, detail)


def _complaint(operation: Operation, selected: bool) -> str | None:
    if operation.scope not in Scope.values:
        return f"scope is one of {', '.join(Scope.values)}"
    if not operation.target and not (selected and operation.scope == Scope.EDGE):
        return "an operation names its target, or is of scope edge beside a selector"
    if operation.op not in LAYER_OPS + EDGE_OPS:
        return f"op is one of {', '.join(LAYER_OPS + EDGE_OPS)}"
    if operation.op in EDGE_OPS and (operation.scope != Scope.EDGE or operation.path != ""):
        return f'{operation.op} is of scope edge and has path ""'
    if (operation.op in WITH_VALUE) != (operation.value is not MISSING) and operation.op != "lock":
        return f"{operation.op} {'needs a' if operation.op in WITH_VALUE else 'has no'} value"
    if operation.op == "move" and not isinstance(operation.value, str):
        return "move takes the code of a site"
    try:
        split(operation.path)
    except DocumentError as error:
        return error.detail
    return None


def _refused(rule: str, detail: str) -> ChangeRefused:
    return ChangeRefused([ChangeError(None, "", rule, None, detail)])
