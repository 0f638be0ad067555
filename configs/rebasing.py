"""A layer that others moved while a person typed: what they did to it, and the typed text on top of that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from configs import editing, history, layers
from configs.changes import Address
from configs.models import Revision
from edge_protocol.canonical import JsonObject
from edges import tenancy

MOST_CHANGES = 20


@dataclass(frozen=True, slots=True)
class Moved:
    """`by`: the revisions since, newest first, at most 20. `leaves`: {path, before?, after?} of all since."""

    newest: int
    by: tuple[Revision, ...]
    leaves: tuple[dict[str, Any], ...]


def since(*, organization_id: UUID, address: Address, revision: int) -> Moved:
    """What became of a layer after a revision of it. Errors: StaleLayer for a revision that it never had."""
    with tenancy.scope([organization_id]):
        state = layers.read(organization_id, address)
        before = layers.seen(organization_id, address, revision)
        rows = Revision.objects.filter(
            layer_id=state.layer_id, number__gt=revision, number__lte=state.number
        ).select_related("change_set")
        found = tuple(rows.order_by("-number")[:MOST_CHANGES])
        return Moved(state.number, found, tuple(history.leaves_between(before, state.body)))


def onto_newest(
    *, organization_id: UUID, address: Address, body: Mapping[str, object], revision: int
) -> tuple[JsonObject, int]:
    """The newest body with the steps that lead from `revision` to `body` on top of it, and its number.

    Where both touched a value, the typed one stands. Errors: StaleLayer, ChangeRefused.
    """
    with tenancy.scope([organization_id]):
        state = layers.read(organization_id, address)
        steps = layers.steps(address, layers.seen(organization_id, address, revision), body)
        found = editing.apply({address: state.body}, steps).bodies
        return found.get(address, state.body), state.number
