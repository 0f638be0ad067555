"""The steps that undo a published change set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from configs import editing
from configs.changes import LAYER_OPS, Address, Operation
from configs.models import ChangeSet, Kind, Revision, Scope
from configs.models import Operation as Row
from configs.refusals import ChangeError, ChangeRefused, NotInState
from configs.stored import operations_of, step
from edge_protocol.canonical import JsonObject
from edge_protocol.operations import invert


@dataclass(frozen=True, slots=True)
class Inverse:
    """`base` = the revisions that the change set made: whoever touched its paths later is in the way."""

    operations: Sequence[Operation]
    base: Mapping[str, int]


REVERTIBLE = (Kind.EDIT, Kind.PUT, Kind.REVERT)


def inverse(row: ChangeSet) -> Inverse:
    """Last step first, each against the layer as it stood before it. Four queries at most.

    Errors: ChangeRefused for a retirement, which nothing undoes; NotInState for what is no edit.
    """
    if row.kind not in REVERTIBLE:
        raise NotInState(f"#{row.number} is no edit but a {row.kind}: there are no steps to undo.")
    rows = operations_of(row)
    _refuse_retirements(rows)
    # Of several, the last: a rollout's candidate is made anew when something else is published under it.
    made = {one.layer_id: one for one in Revision.objects.filter(change_set=row).order_by("number")}
    before = _bodies_before(made)
    bodies = dict(before)
    undone: list[list[Operation]] = []
    for one in rows:
        if one.op == "move":
            undone.append([_moved_back(one)])
        elif one.op in LAYER_OPS and one.layer_id is not None and one.layer_id in made:
            undone.append(_inverted(one, one.layer_id, bodies))
    base = {
        str(Address(one.scope, one.target)): made[one.layer_id].number for one in rows if one.layer_id in made
    }
    return Inverse([one for steps in reversed(undone) for one in steps], base)


def _bodies_before(made: Mapping[UUID, Revision]) -> dict[UUID, JsonObject]:
    parents = {one.parent_id for one in made.values()}
    bodies = dict(Revision.objects.filter(pk__in=parents).values_list("pk", "body"))
    return {
        layer_id: orjson.loads(bodies[one.parent_id]) if one.parent_id else {}
        for layer_id, one in made.items()
    }


def _inverted(row: Row, layer_id: UUID, bodies: dict[UUID, JsonObject]) -> list[Operation]:
    """The inverse of one step; `bodies` moves on to the state after it."""
    one, body = step(row), bodies[layer_id]
    after = bodies[layer_id] = editing.step(body, one)
    if after == body:
        return []
    return [
        Operation(row.scope, row.target, back.op, back.path, back.value)
        for back in invert(body, op=one.op, path=one.path, value=one.value)
    ]


def _moved_back(row: Row) -> Operation:
    return Operation(Scope.EDGE, row.target, "move", "", orjson.loads(row.old or '""'))


def _refuse_retirements(rows: Sequence[Row]) -> None:
    errors = [
        ChangeError(
            row.target,
            "",
            "retire",
            {"scope": row.scope, "target": row.target},
            "nothing undoes a retirement",
        )
        for row in rows
        if row.op == "retire"
    ]
    if errors:
        raise ChangeRefused(errors)
