"""Whether a change may be published without somebody else's word: asked where everything is published.

What brings the fleet back to where it was, or keeps it working, never waits for a second person: reverting a
published change, rolling back, retrying, releasing a hold, adopting an edge, recalling a rollout, and the
device registry, which changes with the software. A draft always asks, whatever its kind: it can be edited.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from configs.models import ChangeSet, Kind
from configs.planning import Plan
from configs.refusals import ApprovalOutdated, ApprovalRequired
from configs.timed import noting
from configs.timed.models import Approval, ApprovalRule, Decision
from edge_protocol.pointers import Touching

ASKING = frozenset({Kind.EDIT, Kind.PUT})


@dataclass(frozen=True, slots=True)
class Finding:
    """What of a change takes another person's word; no sentence: nothing does."""

    rule_number: int
    sentences: tuple[str, ...]


def examine(plan: Plan) -> Finding:
    """The plan against its organization's rule. One query. Needs a scope."""
    rule = ApprovalRule.objects.filter(pk=plan.ground.organization.pk).first()
    if rule is None:
        return Finding(0, ())
    return Finding(rule.number, tuple(sentences(plan, rule.above_edges, rule.paths)))


def sentences(plan: Plan, above_edges: int | None, paths: Sequence[str]) -> list[str]:
    """Why it takes an approval. Pure."""
    found = []
    reach = len(plan.affected)
    if above_edges is not None and reach > above_edges:
        found.append(f"it changes {reach} edges; more than {above_edges} take an approval")
    touched = Touching(one.operation.path for one in plan.application.applied if one.changed)
    guarded = [path for path in paths if touched.any(path)]
    return found + [f"it touches {path}, which is guarded" for path in guarded]


def void(row: ChangeSet) -> bool:
    """It is no longer what somebody looked at; gives whether anybody had been asked. Needs the lock."""
    given = Approval.objects.filter(change_set=row, decision__in=[Decision.WAITING, Decision.APPROVED])
    return given.update(decision=Decision.VOID) > 0


def void_by_edit(row: ChangeSet, *, by: str, now: datetime) -> None:
    """After an edit somebody else's word counts no more, and the story says so. Needs the lock."""
    if void(row):
        noting.note(row, "approval_void", by=by, now=now, detail="an edit: ask for an approval anew")


def require(plan: Plan, row: ChangeSet | None) -> None:
    """Errors: ApprovalRequired; ApprovalOutdated where what was approved is no longer what would happen."""
    if row is None and plan.change.kind not in ASKING:
        return
    found = examine(plan)
    if not found.sentences:
        return
    given = (
        None if row is None else Approval.objects.filter(change_set=row, decision=Decision.APPROVED).first()
    )
    if given is None:
        raise ApprovalRequired(
            f"This change needs another person's approval: {'; '.join(found.sentences)}. "
            "Keep it as a draft and request an approval.",
            why=list(found.sentences),
        )
    if given.preview_digest != plan.preview.preview_digest:
        raise ApprovalOutdated(
            f"{given.decided_by} approved another preview than what publishing would do now. "
            "Nothing was published: look at the preview and request the approval again.",
            approved_digest=given.preview_digest,
            preview_digest=plan.preview.preview_digest,
        )
