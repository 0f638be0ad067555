"""Publishing: every door's changes end here.

Read, merge, check and sign outside every lock; then the organization's row lock, a comparison, and the
writing. When the fleet moved in between, all of it is done again; at last under the lock, so that it ends.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from configs import locking, planning, previewing, ranging, sealing, storing
from configs.changes import Actor, Address, Change, check_change
from configs.models import ChangeSet
from configs.moving import STILL, Motion
from configs.outcomes import Outcome, Preview
from configs.planning import Plan
from configs.refusals import StaleLayer
from configs.rollouts import rebasing
from configs.signing import Signer
from configs.timed import gate
from configs.timed.telling import Tell, silent
from edges import tenancy

OPTIMISTIC_ATTEMPTS = 2

Planner = Callable[[], Plan]


def preview(*, organization_id: UUID, change: Change, now: datetime, motion: Motion = STILL) -> Preview:
    """What publishing `change` would do now; nothing is published.

    What it promises is kept under its digest, so that a later publish can say what differs.
    Errors: ChangeRefused, ClockRefused.
    """
    check_change(change)
    with tenancy.scope([organization_id]):
        plan = prepare(organization_id, change, now=now, motion=motion)
        preview = replace(plan.preview, warnings=[*plan.cautions, *ranging.cautions(plan)])
        previewing.keep(organization_id, preview, now=now)
    return preview


def prepare(
    organization_id: UUID,
    change: Change,
    *,
    now: datetime,
    motion: Motion = STILL,
    is_rebased: bool = False,
) -> Plan:
    """A plan that passed every check, locks included. Needs a scope. Errors: ChangeRefused, Conflict."""
    plan = planning.plan(organization_id, change, now=now, motion=motion, is_rebased=is_rebased)
    locking.check(plan)
    return plan


def publish(
    *,
    organization_id: UUID,
    change: Change,
    actor: Actor,
    now: datetime,
    signer: Signer,
    preview_digest: str | None = None,
    expected_revisions: Mapping[Address, int] | None = None,
    motion: Motion = STILL,
    is_rebased: bool = False,
) -> Outcome:
    """Make `change` what the edges should run.

    `expected_revisions`: the layers' revision numbers that the author saw; `preview_digest`: the promise;
    `is_rebased`: candidates of open rollouts take the change as well.
    Errors: ChangeRefused, Conflict, LayerInRollout, PreviewChanged, StaleLayer, ClockRefused. Nothing is
    stored when one is raised.
    """
    check_change(change)

    def planner() -> Plan:
        plan = prepare(organization_id, change, now=now, motion=motion, is_rebased=is_rebased)
        _check_expected(plan, expected_revisions or {})
        return plan

    return publish_plan(
        organization_id, planner, actor=actor, now=now, signer=signer, preview_digest=preview_digest
    )


def publish_plan(
    organization_id: UUID,
    planner: Planner,
    *,
    actor: Actor,
    now: datetime,
    signer: Signer,
    preview_digest: str | None = None,
    draft: Callable[[], ChangeSet] | None = None,
    tell: Tell = silent,
) -> Outcome:
    """Plan until nothing moves between reading and writing, then write. `draft` gives the draft, locked."""
    for _ in range(OPTIMISTIC_ATTEMPTS):
        tell("planning", 0, 0)
        with tenancy.scope([organization_id]):
            plan = _unhindered(planner())
        sealed = sealing.seal(plan, signer=signer, now=now, tell=tell)
        tell("storing", 0, len(sealed))
        with tenancy.scope([organization_id]):
            storing.lock(organization_id)
            if planning.sequence(organization_id) == plan.ground.sequence:
                return _store(plan, sealed, actor=actor, now=now, preview_digest=preview_digest, draft=draft)
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        plan = _unhindered(planner())
        sealed = sealing.seal(plan, signer=signer, now=now, tell=tell)
        return _store(plan, sealed, actor=actor, now=now, preview_digest=preview_digest, draft=draft)


def _unhindered(plan: Plan) -> Plan:
    """Errors: LayerInRollout."""
    rebasing.refuse(plan.states, plan.application, kind=plan.change.kind, rebased=plan.rebased)
    return plan


def _store(
    plan: Plan,
    sealed: list[sealing.Sealed],
    *,
    actor: Actor,
    now: datetime,
    preview_digest: str | None,
    draft: Callable[[], ChangeSet] | None,
) -> Outcome:
    if preview_digest is not None:
        previewing.compare(plan.ground.organization.pk, preview_digest, plan.preview)
    row = None if draft is None else draft()
    gate.require(plan, row)
    writing = storing.Writing(plan, sealed, actor, now, uuid4())
    change_set, revisions = writing.store(draft=row)
    return Outcome(
        change_set.pk,
        change_set.number,
        change_set.state,
        plan.preview,
        {str(address): number for address, number in revisions.items()},
    )


def _check_expected(plan: Plan, expected: Mapping[Address, int]) -> None:
    for address, number in expected.items():
        state = plan.states.get(address)
        if state is not None and state.number != number:
            raise StaleLayer(
                f"The layer {address} is at revision {state.number}, not at {number}.",
                etag=f'"{state.number}"',
            )
