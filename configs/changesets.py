"""Change sets that are not published at once: drafts, their publishing, and the undoing of published ones."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from configs import conflicts, editing, inverting, previewing, publishing, storing, watching
from configs.changes import Actor, Change, check_change
from configs.models import ChangeSet, Kind, Operation, State
from configs.outcomes import Drafted, Outcome
from configs.planning import Plan
from configs.refusals import Conflict, NotInState, Unknown
from configs.signing import Signer
from configs.stored import change_of
from configs.timed import gate
from configs.timed.telling import Tell, silent
from edges import tenancy

EDITED = (State.DRAFT, State.AWAITING_APPROVAL, State.REJECTED)
CANCELLED = (State.DRAFT, State.AWAITING_APPROVAL, State.SCHEDULED)


def create_draft(
    *,
    organization_id: UUID,
    change: Change,
    actor: Actor,
    now: datetime,
    preview_digest: str | None = None,
    conflicting: list[dict[str, Any]] | None = None,
) -> Drafted:
    """Store an intent with its preview; selectors are resolved here, once. Nothing is published.

    `conflicting`: steps of others that the author should look at first.
    Errors: ChangeRefused, PreviewChanged.
    """
    check_change(change)
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        plan = publishing.prepare(organization_id, change, now=now)
        if preview_digest is not None:
            previewing.compare(organization_id, preview_digest, plan.preview)
        number = storing.advance(organization_id, moved=False)
        row = ChangeSet.objects.create(
            id=uuid4(),
            organization_id=organization_id,
            number=number,
            kind=change.kind,
            state=State.DRAFT,
            author=actor.name,
            author_user_id=actor.user_id,
            reverts_id=change.reverts,
            created_at=now,
            **_intent(plan, change),
        )
        _write_operations(row, plan)
        previewing.keep(organization_id, plan.preview, now=now)
    return Drafted(row.pk, row.number, row.state, plan.preview, conflicting or [])


def change_draft(*, change_set_id: UUID, change: Change, actor: Actor, now: datetime) -> Drafted:
    """Put another intent in a draft's place; an approval of it is void. Needs a scope that sees it.

    Errors: ChangeRefused, NotInState, Unknown.
    """
    check_change(change)
    organization_id = _find(change_set_id).organization_id
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        row = draft(change_set_id, *EDITED)
        plan = publishing.prepare(organization_id, change, now=now)
        storing.advance(organization_id, numbered=False)  # whoever publishes it meanwhile looks again
        gate.void_by_edit(row, by=actor.name, now=now)
        ChangeSet.objects.filter(pk=row.pk).update(
            state=State.DRAFT,
            closed_at=None,
            author=actor.name,
            author_user_id=actor.user_id,
            **_intent(plan, change),
        )
        _write_operations(row, plan)
        previewing.keep(organization_id, plan.preview, now=now)
    return Drafted(row.pk, row.number, State.DRAFT, plan.preview, [])


def publish_draft(
    *,
    organization_id: UUID,
    change_set_id: UUID,
    actor: Actor,
    now: datetime,
    signer: Signer,
    reason: str | None = None,
    preview_digest: str | None = None,
    is_rebased: bool = False,
    state: State = State.DRAFT,
    tell: Tell = silent,
) -> Outcome:
    """Publish a draft as it is stored. `reason`, if given, takes the place of the draft's.

    `state`: what it must be in, for what waited.
    Errors: ApprovalRequired, ApprovalOutdated, ChangeRefused, Conflict (paths touched since its base),
    LayerInRollout, PreviewChanged, NotInState, Unknown.
    """

    def planner() -> Plan:
        row = draft(change_set_id, state)
        change = change_of(row, reason=reason)
        plan = publishing.prepare(organization_id, change, now=now, is_rebased=is_rebased)
        refuse_conflicts(plan, row.base)
        return plan

    def locked() -> ChangeSet:
        row = draft(change_set_id, state)
        row.reason = reason or row.reason
        return row

    return publishing.publish_plan(
        organization_id,
        planner,
        actor=actor,
        now=now,
        signer=signer,
        preview_digest=preview_digest,
        draft=locked,
        tell=tell,
    )


def preview_draft(*, organization_id: UUID, change_set_id: UUID, now: datetime) -> Drafted:
    """What publishing what waits would do now, and what others touched. Errors: ChangeRefused, NotInState."""
    with tenancy.scope([organization_id]):
        row = draft(change_set_id, *CANCELLED)
        plan = publishing.prepare(organization_id, change_of(row), now=now)
        previewing.keep(organization_id, plan.preview, now=now)
        touched = _conflicts(plan, row.base)
    return Drafted(row.pk, row.number, row.state, plan.preview, touched)


def cancel(*, organization_id: UUID, change_set_id: UUID, reason: str, actor: Actor, now: datetime) -> None:
    """What waits and will not be published. Errors: NotInState, Unknown."""
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        row = draft(change_set_id, *CANCELLED)
        storing.advance(organization_id, numbered=False)
        gate.void(row)
        row.state, row.reason = State.CANCELLED, f"{row.reason}\ncancelled by {actor.name}: {reason}"
        row.closed_at = now
        row.save(update_fields=["state", "reason", "closed_at"])
        watching.look(organization_id=organization_id, now=now)


def revert(
    *,
    organization_id: UUID,
    change_set_id: UUID,
    reason: str,
    actor: Actor,
    now: datetime,
    signer: Signer,
    preview_digest: str | None = None,
) -> Outcome | Drafted:
    """Publish the inverse steps on the current baselines; a draft instead where the paths were changed since.

    Errors: ChangeRefused (retirements are not revertible), NotInState, PreviewChanged, Unknown.
    """
    with tenancy.scope([organization_id]):
        change, base = reverting(change_set_id, reason=reason)
        plan = publishing.prepare(organization_id, change, now=now)
        touched = _conflicts(plan, base)
    if touched:
        return create_draft(
            organization_id=organization_id, change=change, actor=actor, now=now, conflicting=touched
        )

    def planner() -> Plan:
        _require(_find(change_set_id), State.PUBLISHED)
        plan = publishing.prepare(organization_id, change, now=now)
        refuse_conflicts(plan, base)
        return plan

    return publishing.publish_plan(
        organization_id, planner, actor=actor, now=now, signer=signer, preview_digest=preview_digest
    )


def reverting(change_set_id: UUID, *, reason: str) -> tuple[Change, Mapping[str, int]]:
    """The change that undoes a published one, and the revisions that it undoes. Needs a scope.

    Errors: ChangeRefused, NotInState, Unknown.
    """
    row = _find(change_set_id)
    _require(row, State.PUBLISHED)
    inverse = inverting.inverse(row)
    change = Change(reason=reason, operations=inverse.operations, kind=Kind.REVERT, reverts=row.pk)
    return change, inverse.base


def refuse_conflicts(plan: Plan, base: Mapping[str, int]) -> None:
    """Errors: Conflict when others touched the plan's paths since `base`."""
    touched = _conflicts(plan, base)
    if touched:
        first = touched[0]
        place = f"{first['scope']}/{first['target']} {first['path']}".rstrip()
        raise Conflict(f"{place} was changed by #{first['number']} since.", paths=touched)


def _conflicts(plan: Plan, base: Mapping[str, int]) -> list[dict[str, Any]]:
    return conflicts.since(
        plan.ground.organization.pk, plan.targets.operations, base=base, states=plan.states.values()
    )


def _intent(plan: Plan, change: Change) -> dict[str, Any]:
    return {
        "reason": change.reason,
        "selector": None if change.selector is None else dict(change.selector),
        "exclude": list(change.exclude),
        "base": plan.base(),
        "preview_digest": plan.preview.preview_digest,
    }


def _write_operations(row: ChangeSet, plan: Plan) -> None:
    Operation.objects.filter(change_set=row).delete()
    Operation.objects.bulk_create(
        Operation(
            organization_id=row.organization_id,
            change_set=row,
            position=position,
            scope=one.scope,
            target=one.target,
            op=one.op,
            path=one.path,
            value=editing.text(one.value),
        )
        for position, one in enumerate(plan.targets.operations)
    )


def _find(change_set_id: UUID) -> ChangeSet:
    row: ChangeSet | None = ChangeSet.objects.filter(pk=change_set_id).first()
    if row is None:
        raise Unknown("There is no such change set.")
    return row


def draft(change_set_id: UUID, *states: State) -> ChangeSet:
    """One that is in one of `states`; none given: a draft. Needs a scope. Errors: NotInState, Unknown."""
    row = _find(change_set_id)
    _require(row, *(states or (State.DRAFT,)))
    return row


def _require(row: ChangeSet, *states: State) -> None:
    if row.state not in states:
        wanted = " or ".join(states)
        raise NotInState(f"Change set #{row.number} is {row.state}; this needs one that is {wanted}.")
