"""One other person's word: the rule that asks for it, the request, the yes, the no, and the way back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from configs import changesets, previewing, publishing, storing
from configs.changes import Actor
from configs.models import ChangeSet, State
from configs.planning import Plan
from configs.refusals import Conflict, NotInState, OwnChange, PolicyChanged
from configs.stored import change_of
from configs.timed import gate, noting, windows
from configs.timed.gate import Finding
from configs.timed.models import Approval, ApprovalRule, ChangeSetEntry, Decision
from edge_protocol.errors import DocumentError
from edge_protocol.pointers import split
from edges import tenancy

MOST_PATHS = 200
AGAIN = "Nothing was approved: the author looks at the draft again and requests the approval anew."


@dataclass(frozen=True, slots=True)
class Rule:
    """`above_edges` None and no paths: nothing takes an approval. `number` counts its changes."""

    above_edges: int | None
    paths: tuple[str, ...]
    number: int = 0
    changed_by: str = ""
    changed_at: datetime | None = None


def rule(organization_id: UUID) -> Rule:
    """One query. Needs a scope."""
    row = ApprovalRule.objects.filter(pk=organization_id).first()
    if row is None:
        return Rule(None, ())
    return Rule(row.above_edges, tuple(row.paths), row.number, row.changed_by, row.changed_at)


def set_rule(
    *,
    organization_id: UUID,
    above_edges: int | None,
    paths: Sequence[str],
    actor: Actor,
    now: datetime,
) -> Rule:
    """Purpose: say what takes another person's approval from now on; what waits is asked again.

    Shape: `above_edges` >= 0; `paths` JSON pointers. Errors: ChangeRefused.
    """
    _check_rule(above_edges, paths)
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        before = rule(organization_id)
        kept = {
            "above_edges": above_edges,
            "paths": sorted(set(paths)),
            "number": before.number + 1,
            "changed_by": actor.name,
            "changed_at": now,
        }
        ApprovalRule.objects.update_or_create(pk=organization_id, defaults=kept)
        after = rule(organization_id)
        ChangeSetEntry.objects.create(
            organization_id=organization_id,
            at=now,
            what="approval_rule_changed",
            by=actor.name,
            detail=f"from {words(before)} to {words(after)}",
        )
    return after


def words(one: Rule) -> str:
    reach = [] if one.above_edges is None else [f"more than {one.above_edges} edges"]
    return " or ".join([*reach, *one.paths]) or "no rule"


def request(
    *,
    organization_id: UUID,
    change_set_id: UUID,
    actor: Actor,
    now: datetime,
    preview_digest: str | None = None,
) -> Approval:
    """Purpose: ask somebody else to look at what publishing a draft would do now; again: anew.

    Errors: ChangeRefused, Conflict, PreviewChanged, NotInState (also when nothing asks for an approval),
    Unknown.
    """
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        row = changesets.draft(change_set_id, State.DRAFT, State.AWAITING_APPROVAL)
        plan = _plan(row, now)
        found = gate.examine(plan)
        if not found.sentences:
            raise NotInState(f"Change set #{row.number} needs no approval: publish it.")
        if preview_digest is not None:
            previewing.compare(organization_id, preview_digest, plan.preview)
        previewing.keep(organization_id, plan.preview, now=now)
        storing.advance(organization_id, numbered=False)
        gate.void(row)
        made: Approval = Approval.objects.create(
            organization_id=organization_id,
            change_set=row,
            preview_digest=plan.preview.preview_digest,
            why=list(found.sentences),
            rule_number=found.rule_number,
            asked_by=actor.name,
            asked_by_user_id=actor.user_id,
            asked_at=now,
        )
        ChangeSet.objects.filter(pk=row.pk).update(state=State.AWAITING_APPROVAL)
        noting.note(row, "approval_requested", by=actor.name, now=now, detail="; ".join(found.sentences))
    return made


def approve(
    *,
    organization_id: UUID,
    change_set_id: UUID,
    actor: Actor,
    now: datetime,
    comment: str = "",
    preview_digest: str | None = None,
    rule_number: int | None = None,
) -> Approval:
    """Purpose: another person's yes to exactly the preview that was asked about; the draft may be published.

    `rule_number`: of the rule that the person saw; without it the one that the request was made under.
    Errors: OwnChange, PolicyChanged, Conflict and PreviewChanged where it is no longer what was asked about,
    ChangeRefused, NotInState, Unknown.
    """
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        row, asked = _asked(change_set_id)
        _require_other(row, asked, actor)
        plan = _plan(row, now)
        _check_rule_seen(organization_id, asked, gate.examine(plan), rule_number)
        for digest in {asked.preview_digest, preview_digest or asked.preview_digest}:
            previewing.compare(organization_id, digest, plan.preview)
        storing.advance(organization_id, numbered=False)
        _decide(asked, Decision.APPROVED, actor, comment, now)
        ChangeSet.objects.filter(pk=row.pk).update(state=State.DRAFT)
        noting.note(row, "approved", by=actor.name, now=now, detail=comment)
    return asked


def reject(
    *, organization_id: UUID, change_set_id: UUID, comment: str, actor: Actor, now: datetime
) -> Approval:
    """Purpose: another person's no, with the reason; taken back, it is a draft again.

    Errors: OwnChange, NotInState, Unknown.
    """
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        row, asked = _asked(change_set_id)
        _require_other(row, asked, actor)
        storing.advance(organization_id, numbered=False)
        _decide(asked, Decision.REJECTED, actor, comment, now)
        ChangeSet.objects.filter(pk=row.pk).update(state=State.REJECTED, closed_at=now)
        noting.note(row, "rejected", by=actor.name, now=now, detail=comment)
    return asked


def take_back(
    *, organization_id: UUID, change_set_id: UUID, reason: str, actor: Actor, now: datetime
) -> None:
    """Purpose: what was rejected, or still waits for a word, is a draft again, with every step it had.

    An open request is void; what was said stays in the story. Errors: NotInState, Unknown.
    """
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        row = changesets.draft(change_set_id, State.REJECTED, State.AWAITING_APPROVAL)
        storing.advance(organization_id, numbered=False)
        gate.void(row)
        ChangeSet.objects.filter(pk=row.pk).update(state=State.DRAFT, closed_at=None)
        noting.note(row, "taken_back", by=actor.name, now=now, detail=reason)


def is_own(row: ChangeSet, asked: Approval | None, actor: Actor) -> bool:
    """Whether it takes somebody else's word. Whoever is no person of ours is told apart by name. Pure."""
    users, names = {row.author_user_id}, {row.author}
    if asked is not None:
        users, names = users | {asked.asked_by_user_id}, names | {asked.asked_by}
    return actor.user_id in users - {None} or actor.name in names


def _asked(change_set_id: UUID) -> tuple[ChangeSet, Approval]:
    row = changesets.draft(change_set_id, State.AWAITING_APPROVAL)
    return row, Approval.objects.get(change_set=row, decision=Decision.WAITING)


def _decide(asked: Approval, decision: Decision, actor: Actor, comment: str, now: datetime) -> None:
    asked.decision, asked.comment = decision, comment
    asked.decided_by, asked.decided_at = actor.name, now
    asked.save(update_fields=["decision", "comment", "decided_by", "decided_at"])


def _require_other(row: ChangeSet, asked: Approval, actor: Actor) -> None:
    """Errors: OwnChange."""
    if is_own(row, asked, actor):
        raise OwnChange(f"Change set #{row.number} is yours: it takes the word of somebody else.")


def _check_rule_seen(organization_id: UUID, asked: Approval, found: Finding, rule_number: int | None) -> None:
    """Errors: PolicyChanged."""
    if found.rule_number == (asked.rule_number if rule_number is None else rule_number):
        return
    now = rule(organization_id)
    needs = "; ".join(found.sentences) or "it needs none any more"
    raise PolicyChanged(
        f"{now.changed_by} changed what takes an approval since it was requested, to {words(now)}: {needs}. "
        "Nothing was approved: look at it again, then approve it under the rule as it is now.",
        rule=now.number,
        why=list(found.sentences),
    )


def _plan(row: ChangeSet, now: datetime) -> Plan:
    plan = publishing.prepare(row.organization_id, change_of(row), now=now)
    try:
        changesets.refuse_conflicts(plan, row.base)
    except Conflict as moved:
        raise Conflict(f"{moved.detail} {AGAIN}", **moved.extra) from moved
    return plan


def _check_rule(above_edges: int | None, paths: Sequence[str]) -> None:
    if above_edges is not None and not 0 <= above_edges <= 1_000_000:
        raise windows.refused("above_edges is a number from 0 to 1000000, or null", rule="approval")
    if len(paths) > MOST_PATHS:
        raise windows.refused(f"a rule guards at most {MOST_PATHS} paths", rule="approval")
    for path in paths:
        try:
            split(path)
        except DocumentError as wrong:
            raise windows.refused(f"{path!r}: {wrong.detail}", rule="approval") from wrong
