"""Change sets as they are stored, read back as intents."""

import orjson

from configs import changes
from configs.changes import Change
from configs.models import ChangeSet, Operation
from edge_protocol.pointers import MISSING


def operations_of(row: ChangeSet) -> list[Operation]:
    """In their order. One query."""
    return list(Operation.objects.filter(change_set=row).order_by("position"))


def step(row: Operation) -> changes.Operation:
    value = MISSING if row.value is None else orjson.loads(row.value)
    return changes.Operation(row.scope, row.target, row.op, row.path, value)


def change_of(row: ChangeSet, *, reason: str | None = None) -> Change:
    """The intent of a stored change set; its selector was resolved when it was stored."""
    return Change(
        reason=reason or row.reason,
        operations=[step(one) for one in operations_of(row)],
        exclude=tuple(row.exclude),
        kind=row.kind,
        reverts=row.reverts_id,
    )
