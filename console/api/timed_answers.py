"""What is answered about change sets that wait, their approvals, and holds."""

from typing import Any

from rest_framework import serializers as s

from configs.models import ChangeSet, Hold
from configs.timed.models import Approval, Progress, Timing


class WindowAnswer(s.Serializer[Any]):
    time_zone = s.CharField()
    opens = s.CharField()
    closes = s.CharField()
    days = s.ListField(child=s.CharField())


class TimingAnswer(s.Serializer[Any]):
    due_at = s.DateTimeField(allow_null=True, help_text="null: nothing waits")
    window = WindowAnswer(allow_null=True)
    closes_at = s.DateTimeField(allow_null=True)
    rollout = s.JSONField(allow_null=True)
    by = s.CharField()
    until = s.DateTimeField(allow_null=True)
    said = s.CharField(help_text="Why it is a draft again, or was not ended")


class ApprovalAnswer(s.Serializer[Any]):
    decision = s.CharField()
    why = s.ListField(child=s.CharField(), help_text="What of the change the rule asks about")
    rule = s.IntegerField()
    preview_digest = s.CharField()
    asked_by = s.CharField()
    asked_at = s.DateTimeField()
    decided_by = s.CharField()
    decided_at = s.DateTimeField(allow_null=True)
    comment = s.CharField()


class ProgressAnswer(s.Serializer[Any]):
    phase = s.CharField(help_text="waiting, planning, signing, storing, published, refused")
    done = s.IntegerField()
    of = s.IntegerField(help_text="0: not counted")
    error = s.CharField(required=False)
    at = s.DateTimeField()


class RuleAnswer(s.Serializer[Any]):
    above_edges = s.IntegerField(allow_null=True)
    paths = s.ListField(child=s.CharField())
    number = s.IntegerField()
    changed_by = s.CharField()
    changed_at = s.DateTimeField(allow_null=True)


class HeldEdge(s.Serializer[Any]):
    edge_id = s.CharField()
    site = s.CharField()
    by = s.CharField()
    source = s.CharField()  # type: ignore[assignment]
    reason = s.CharField()
    review_at = s.DateTimeField(allow_null=True)
    is_overdue = s.BooleanField()
    created_at = s.DateTimeField()


def timing_item(found: ChangeSet) -> dict[str, Any] | None:
    """One query."""
    row = Timing.objects.filter(pk=found.pk).first()
    if row is None:
        return None
    names = ("due_at", "window", "closes_at", "rollout", "by", "until", "said")
    return {name: getattr(row, name) for name in names}


def approval_item(found: ChangeSet) -> dict[str, Any] | None:
    """The newest request. One query."""
    row = Approval.objects.filter(change_set=found).order_by("-asked_at", "-decided_at").first()
    return None if row is None else approval_of(row)


def approval_of(row: Approval) -> dict[str, Any]:
    names = (
        "decision", "why", "preview_digest", "asked_by", "asked_at", "decided_by", "decided_at", "comment",
    )  # fmt: skip
    return {**{name: getattr(row, name) for name in names}, "rule": row.rule_number}


def progress_item(row: Progress) -> dict[str, Any]:
    told = {"phase": row.phase, "done": row.done, "of": row.of, "at": row.at}
    return {**told, "error": row.error} if row.error else told


def held_item(row: Hold, is_overdue: bool) -> dict[str, Any]:
    names = ("by", "source", "reason", "review_at", "created_at")
    place = {"edge_id": row.edge.edge_id, "site": row.edge.site.code, "is_overdue": is_overdue}
    return {**place, **{name: getattr(row, name) for name in names}}
