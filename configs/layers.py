"""A layer as a whole: read it, or put another in its place, which is a change set like any other."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import orjson

from configs import drafting, publishing, storing
from configs.changes import Actor, Address, Change, Operation
from configs.drafting import Gathered
from configs.fleet import LayerState
from configs.models import Kind, Layer, Revision, Scope
from configs.outcomes import Outcome, Preview
from configs.refusals import ChangeError, ChangeRefused, StaleLayer
from configs.signing import Signer
from edge_protocol import schema
from edge_protocol.canonical import JsonObject
from edge_protocol.errors import DocumentError
from edge_protocol.layout import ENVELOPE_MEMBERS
from edge_protocol.operations import operations_between
from edges import tenancy

NOTHING = "Nothing is different from what the layer has: there is nothing to put into a draft."


def read(organization_id: UUID, address: Address) -> LayerState:
    """The layer as it is; {} at revision 0 where there is none. One query."""
    with tenancy.scope([organization_id]):
        rows = Layer.objects.filter(organization_id=organization_id, scope=address.scope)
        if address.scope == Scope.SITE:
            rows = rows.filter(site__code=address.target)
        elif address.scope == Scope.EDGE:
            rows = rows.filter(edge__edge_id=address.target)
        row = rows.select_related("baseline").first()
    if row is None or row.baseline is None:  # it may have a candidate alone
        return LayerState(address, None, None, None, None, 0, {})
    revision: Revision = row.baseline
    return LayerState(
        address, row.site_id, row.edge_id, row.pk, revision.pk, revision.number, orjson.loads(revision.body)
    )


def at(organization_id: UUID, address: Address, revision: int) -> LayerState:
    """The layer, while it is at this revision. Errors: StaleLayer."""
    state = read(organization_id, address)
    if state.number != revision:
        raise _stale(state, revision)
    return state


def _stale(state: LayerState, revision: int) -> StaleLayer:
    detail = f"The layer {state.address} is at revision {state.number}, not at {revision}."
    return StaleLayer(detail, etag=f'"{state.number}"')


def put(
    *,
    organization_id: UUID,
    address: Address,
    body: Mapping[str, object],
    revision: int,
    reason: str,
    actor: Actor,
    now: datetime,
    signer: Signer,
    dry_run: bool = False,
    preview_digest: str | None = None,
) -> Outcome | Preview:
    """Publish the steps that lead from the layer at `revision` to `body`.

    Shape: `version`, `timestamp` and `edge_id` beside the sections are ignored; null and `$remove` remove.
    Errors: StaleLayer when the layer is at another revision; as `publishing.publish`.
    """
    state = at(organization_id, address, revision)
    change = Change(reason=reason, operations=steps(address, state.body, body), kind=Kind.PUT)
    if dry_run:
        return publishing.preview(organization_id=organization_id, change=change, now=now)
    return publishing.publish(
        organization_id=organization_id,
        change=change,
        actor=actor,
        now=now,
        signer=signer,
        expected_revisions={address: revision},
        preview_digest=preview_digest,
    )


def into_draft(
    *,
    organization_id: UUID,
    address: Address,
    body: Mapping[str, object],
    revision: int,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Gathered:
    """Put the steps that lead from the layer as the person saw it, at `revision`, to `body` into their draft.

    Where others moved the layer since, the steps stand on top of theirs, and the draft tells which paths both
    touched. Shape: as `put`.
    Errors: ChangeRefused (no layer, or nothing differs), StaleLayer for a revision that it never had.
    """
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        wanted = steps(address, seen(organization_id, address, revision), body)
        if not wanted:
            raise ChangeRefused([ChangeError(None, "", "nothing", address.to_dict(), NOTHING)])
        return drafting.gather(
            organization_id=organization_id,
            change=Change(reason=reason, operations=wanted),
            actor=actor,
            now=now,
            seen={str(address): revision},
        )


def seen(organization_id: UUID, address: Address, revision: int) -> JsonObject:
    """The layer's body as it was. Errors: StaleLayer."""
    state = read(organization_id, address)
    if revision == state.number:
        return state.body
    if revision == 0:
        return {}
    row = Revision.objects.filter(layer_id=state.layer_id, number=revision).first()
    if row is None or revision > state.number:
        raise _stale(state, revision)
    body: JsonObject = orjson.loads(row.body)
    return body


def steps(address: Address, old: JsonObject, body: Mapping[str, object]) -> list[Operation]:
    """The operations that lead from one body of a layer to another. Errors: ChangeRefused."""
    new = {name: value for name, value in body.items() if name not in ENVELOPE_MEMBERS}
    edge_id = address.target if address.scope == Scope.EDGE else None
    errors = [
        ChangeError(edge_id, one.path, one.rule, address.to_dict(), one.detail)
        for one in schema.check_layer(new)
    ]
    if errors:
        raise ChangeRefused(errors)
    try:
        found = operations_between(old, new)
    except DocumentError as error:
        wrong = ChangeError(edge_id, error.path, error.code, address.to_dict(), error.detail)
        raise ChangeRefused([wrong]) from error
    return [Operation(address.scope, address.target, one.op, one.path, one.value) for one in found]
