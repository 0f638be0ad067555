"""Other changes on layers that are being rolled out: refused, or taken by the baseline and the candidate.

A candidate that is rebased is made anew: the rollout's own steps onto the new baseline. So its history stays
one line, and completing it loses nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from configs import editing, stored
from configs.changes import Address, Operation
from configs.editing import Application
from configs.fleet import Candidate, LayerState
from configs.models import ChangeSet, Kind, Revision
from configs.models import Operation as StoredOperation
from configs.refusals import Conflict, LayerInRollout
from configs.resolving import members
from configs.rollouts.models import Rollout, RolloutLayer
from edge_protocol.canonical import JsonObject, canonical
from edge_protocol.pointers import Touching


@dataclass(frozen=True, slots=True)
class Rebased:
    """A candidate made anew; edges pinned to `old` take `new`."""

    address: Address
    change_set_id: UUID
    old: UUID
    new: UUID
    body: JsonObject


def rebase(states: Mapping[Address, LayerState], application: Application) -> tuple[Rebased, ...]:
    """The candidates of all layers that this application changes. Two queries where there are any.

    Errors: Conflict where a path of the rollout is touched; ChangeRefused where its steps no longer fit.
    """
    taken = _taken(states, application)
    if not taken:
        return ()
    rows = Rollout.objects.filter(pk__in={one.rollout_id for one in taken.values()})
    rollouts = {one.pk: one for one in rows.select_related("change_set")}
    steps = _steps({one.change_set for one in rollouts.values()})
    found = []
    for address, candidate in taken.items():
        change_set = rollouts[candidate.rollout_id].change_set
        theirs = [one for one in steps[change_set.pk] if one.address == address]
        _refuse_overlap(application, address, theirs, change_set)
        body = editing.apply({address: application.bodies[address]}, theirs).bodies.get(
            address, application.bodies[address]
        )
        found.append(Rebased(address, change_set.pk, candidate.revision_id, uuid4(), body))
    return tuple(found)


def _taken(states: Mapping[Address, LayerState], application: Application) -> dict[Address, Candidate]:
    """The layers that change and have a candidate."""
    found = {address: states[address].candidate for address in application.bodies}
    return {address: candidate for address, candidate in found.items() if candidate is not None}


def _steps(change_sets: Iterable[ChangeSet]) -> dict[UUID, list[Operation]]:
    found: dict[UUID, list[Operation]] = {one.pk: [] for one in change_sets}
    rows = StoredOperation.objects.filter(change_set__in=list(found)).order_by("position")
    for row in rows:
        found[row.change_set_id].append(stored.step(row))
    return found


def _refuse_overlap(
    application: Application, address: Address, theirs: Iterable[Operation], change_set: ChangeSet
) -> None:
    steps = application.layer_operations()
    ours = Touching(one.operation.path for one in steps if one.operation.address == address)
    paths = [
        {
            "scope": address.scope,
            "target": address.target,
            "path": their.path,
            "change_set": str(change_set.pk),
            "number": change_set.number,
            "author": change_set.author,
        }
        for their in theirs
        if ours.any(their.path)
    ]
    if paths:
        first = paths[0]
        raise Conflict(f"{address} {first['path']} is being rolled out by #{change_set.number}.", paths=paths)


def refuse(
    states: Mapping[Address, LayerState],
    application: Application,
    *,
    kind: str,
    rebased: Iterable[Rebased] = (),
) -> None:
    """Taking one edge back is always possible. Errors: LayerInRollout. One query where there is one."""
    if kind == Kind.ROLLBACK:
        return
    cared_for = {one.address for one in rebased}
    taken = {address: one for address, one in _taken(states, application).items() if address not in cared_for}
    if not taken:
        return
    first = next(iter(taken.values()))
    rollout = Rollout.objects.select_related("change_set").get(pk=first.rollout_id)
    named = ", ".join(sorted(str(address) for address in taken))
    raise LayerInRollout(
        f"{named} is being rolled out by #{rollout.change_set.number}.",
        rollout=str(rollout.pk),
        layers=[address.to_dict() for address in taken],
    )


def store(rebased: Iterable[Rebased], made: Mapping[Address, Revision]) -> None:
    """The new candidates, right behind the new baselines. Needs the lock."""
    for one in rebased:
        baseline, old = made[one.address], Revision.objects.get(pk=one.old)
        Revision.objects.create(
            id=one.new,
            organization_id=baseline.organization_id,
            layer_id=baseline.layer_id,
            number=baseline.number + 1,
            parent_id=baseline.pk,
            body=canonical(one.body).decode(),
            members=members(one.body),
            change_set_id=one.change_set_id,
            author=old.author,
            created_at=old.created_at,
        )
        RolloutLayer.objects.filter(candidate_id=one.old, is_open=True).update(candidate_id=one.new)
