"""Back to version N: a new, higher version with old content, and a hold, so that it stays."""

from dataclasses import replace
from datetime import datetime
from uuid import uuid4

import orjson

from configs import editing, fleet, locking, planning, publishing
from configs.changes import Actor, Address, Change, Operation
from configs.deciding import EdgePlan, carries
from configs.editing import Application
from configs.fleet import EdgeFacts, LayerState, Pins, Reach
from configs.models import HoldSource, Kind, Revision, Scope, Version
from configs.moving import STILL
from configs.outcomes import Caution, Outcome
from configs.planning import Plan
from configs.refusals import NotInState, Unknown
from configs.signing import Signer
from configs.targets import Targets
from edge_protocol.canonical import JsonObject
from edge_protocol.delta import difference
from edge_protocol.operations import operations_between
from edges.models import Edge

ROLLBACK = "rollback"


def rollback(
    *, edge: Edge, to_version: int | None, reason: str, actor: Actor, now: datetime, signer: Signer
) -> Outcome:
    """Publish version `to_version`'s stored digests as a new version; nothing is merged again.

    All pins become those of that version (the edge's own layer by a new, equal baseline), so that the next
    edit builds on what runs. `to_version` None: the one before the desired.
    Errors: NotInState (retired, nothing before, quarantined content), Unknown, ClockRefused.
    """

    def planner() -> Plan:
        return _plan(edge, to_version, reason)

    return publishing.publish_plan(edge.organization_id, planner, actor=actor, now=now, signer=signer)


def _plan(edge: Edge, to_version: int | None, reason: str) -> Plan:
    base = planning.ground(edge.organization_id)
    found = fleet.edges(edge.organization_id, Reach(False, edges=frozenset({edge.pk})))
    if not found or found[0].retired:
        raise NotInState(f"{edge.edge_id} is retired, or no layer was ever pinned to it.")
    facts = found[0]
    wanted = _wanted(facts, to_version)
    state = _own_layer(edge, base.organization.code)
    steps = _steps(state, _own_body(wanted))
    body, applied = editing.replay(state.body, steps)
    changed = {state.address: body} if body != state.body else {}
    revisions = {address: uuid4() for address in changed}
    pins = Pins(
        wanted.organization_revision_id,
        wanted.site_revision_id,
        revisions.get(state.address, facts.pins.edge),
        wanted.registry_id,
        wanted.schema,
    )
    fate = EdgePlan(
        facts, pins, None, wanted.sections, wanted.digest, difference(facts.sections, wanted.sections).touched
    )
    plan = Plan(
        ground=base,
        change=Change(reason=reason, operations=steps, kind=Kind.ROLLBACK),
        targets=_targets(edge, base.organization.code, steps),
        application=Application(changed, applied, {}, frozenset()),
        states={state.address: state},
        revisions=revisions,
        motion=STILL,
        edges=(fate,),
        blobs={},
        frozen={} if facts.held else {edge.pk: HoldSource.ROLLBACK},
        kinds={edge.pk: (ROLLBACK, wanted.number)},
    )
    return _alerted(plan)


def _wanted(facts: EdgeFacts, to_version: int | None) -> Version:
    number = facts.version - 1 if to_version is None else to_version
    if number == facts.version:
        raise NotInState(f"Version {number} of {facts.edge_id} is the desired one already.")
    found: Version | None = Version.objects.filter(edge_id=facts.uid, number=number).first()
    if found is None:
        raise Unknown(f"There is no version {number} of {facts.edge_id} to go back to.")
    if any(carries(found.sections, one) for one in facts.quarantines):
        raise NotInState(f"{facts.edge_id} refused the content of version {number}: use retry.")
    return found


def _own_layer(edge: Edge, code: str) -> LayerState:
    address = Address(Scope.EDGE, edge.edge_id)
    found = fleet.layers(edge.organization_id, code, sites=[], edges=[edge.pk], own=False)
    return found.get(address) or LayerState(address, None, edge.pk, None, None, 0, {})


def _own_body(version: Version) -> JsonObject:
    if version.edge_revision_id is None:
        return {}
    text = Revision.objects.values_list("body", flat=True).get(pk=version.edge_revision_id)
    body: JsonObject = orjson.loads(text)
    return body


def _steps(state: LayerState, body: JsonObject) -> list[Operation]:
    return [
        Operation(state.address.scope, state.address.target, one.op, one.path, one.value)
        for one in operations_between(state.body, body)
    ]


def _targets(edge: Edge, code: str, steps: list[Operation]) -> Targets:
    return Targets(
        organization_id=edge.organization_id,
        code=code,
        operations=tuple(steps),
        sites={},
        edges={edge.edge_id: edge.pk},
        edge_sites={edge.edge_id: edge.site_id},
        excluded=frozenset(),
    )


def _alerted(plan: Plan) -> Plan:
    """A lock never stops a rollback; that it is overridden is said."""
    found = locking.violations(plan)
    cautions = tuple(Caution(one.rule, one.edge_id, one.path, one.detail) for one in found)
    return replace(plan, cautions=cautions)
