"""What one edge has of its own, given to others as well: a change set like any other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from configs import layers
from configs.changes import Address, Change, Operation
from configs.models import Scope
from configs.refusals import ChangeError, ChangeRefused
from edge_protocol.canonical import JsonObject
from edge_protocol.layout import LOCK, LOCK_EXCEPT, REMOVE, list_key
from edge_protocol.pointers import MISSING, Path, join, split
from edge_protocol.provenance import leaves
from edges.models import Edge


def copying(*, edge: Edge, selector: Mapping[str, Any], paths: Sequence[str] = (), reason: str) -> Change:
    """The change that writes the edge's own values into the layers of the selected edges.

    Leaf by leaf: what the others have of their own elsewhere stays. `paths`: only what stands at or below
    one of these. The edge itself, if selected, gains nothing.
    Errors: ChangeRefused when the edge has nothing of its own there; PointerError.
    """
    wanted = [split(path) for path in paths]
    own = layers.read(edge.organization_id, Address(Scope.EDGE, edge.edge_id)).body
    found = [
        Operation(Scope.EDGE, "", op, join(path), value)
        for op, path, value in _written(own)
        if not wanted or any(path[: len(one)] == one for one in wanted)
    ]
    if not found:
        detail = (
            f"{edge.edge_id} has no value of its own{' there' if wanted else ''}: there is nothing to copy"
        )
        raise ChangeRefused([ChangeError(edge.edge_id, "", "copy", None, detail)])
    if set(selector) != {"edges"}:
        return Change(reason=reason, operations=found, selector=selector)
    # Edges by name are named in the steps: a role in some sites may do that for the edges of these.
    steps = [replace(one, target=edge_id) for edge_id in selector["edges"] for one in found]
    return Change(reason=reason, operations=steps)


def _written(body: JsonObject) -> Iterator[tuple[str, Path, Any]]:
    for path, value in leaves({name: one for name, one in body.items() if name not in (LOCK, LOCK_EXCEPT)}):
        if not path or _is_identity(path):
            continue
        if value is None:
            yield "remove", path, MISSING
        elif path[-1] == REMOVE:
            yield "remove", path[:-1], MISSING
        else:
            yield "set", path, value


def _is_identity(path: Path) -> bool:
    """The identity of a list's item comes with whatever is written into the item."""
    return len(path) > 1 and list_key(path[:-2]) == path[-1]
