"""What belongs to change sets that wait: when they come and go, who approved them, how far they are.

`progress` is a table of its own because it is written by a connection of its own while the transaction that
publishes holds the other rows.
"""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from edges.tenancy import TenantModel


class Timing(TenantModel):
    """When a change set is published, how, by whose word, and when it ends."""

    change_set = models.OneToOneField(
        "configs.ChangeSet", models.PROTECT, primary_key=True, db_constraint=False, related_name="timing"
    )
    due_at = models.DateTimeField(null=True)  # null: nothing waits
    window = models.JSONField(null=True)  # as Window.to_dict; null: at the instant
    closes_at = models.DateTimeField(null=True)  # of the window's opening at due_at
    rollout = models.JSONField(null=True)  # the wish of a rollout; null: everywhere at once
    is_rebased = models.BooleanField(default=False)
    preview_digest = models.CharField(max_length=64, blank=True, default="")
    by = models.TextField(blank=True, default="")
    by_user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    until = models.DateTimeField(null=True)
    until_by = models.TextField(blank=True, default="")
    said = models.TextField(blank=True, default="")  # why it is back, or was not ended

    class Meta:
        app_label = "configs"


class Progress(TenantModel):
    """How far the publishing of a change set is; the last word stays. `of` 0: not counted."""

    change_set = models.OneToOneField(
        "configs.ChangeSet", models.PROTECT, primary_key=True, db_constraint=False, related_name="progress"
    )
    phase = models.CharField(max_length=16)
    done = models.PositiveIntegerField(default=0)
    of = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        app_label = "configs"


class ApprovalRule(TenantModel):
    """What takes one other person's approval in an organization; without a row nothing does."""

    organization = models.OneToOneField(
        "edges.Organization", models.PROTECT, primary_key=True, related_name="approval_rule"
    )
    above_edges = models.PositiveIntegerField(null=True)  # more edges than this; null: any number
    paths = ArrayField(models.TextField(), default=list)  # JSON pointers; what touches one is guarded
    number = models.PositiveIntegerField(default=1)  # counts its changes
    changed_at = models.DateTimeField()
    changed_by = models.TextField()

    class Meta:
        app_label = "configs"


class Decision(models.TextChoices):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    VOID = "void"


class Approval(TenantModel):
    """One request that somebody else look at exactly this preview, and what they said."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    change_set = models.ForeignKey(
        "configs.ChangeSet", models.PROTECT, db_constraint=False, related_name="approvals"
    )
    preview_digest = models.CharField(max_length=64)
    why = models.JSONField(default=list)  # the sentences of the rule that it fell under
    rule_number = models.PositiveIntegerField()
    asked_by = models.TextField()
    asked_by_user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField()
    decision = models.CharField(max_length=8, choices=Decision.choices, default=Decision.WAITING)
    decided_by = models.TextField(blank=True, default="")
    decided_at = models.DateTimeField(null=True)
    comment = models.TextField(blank=True, default="")

    class Meta:
        app_label = "configs"
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["change_set"],
                condition=Q(decision__in=["waiting", "approved"]),
                name="configs_approval_open",
            )
        ]


class ChangeSetEntry(TenantModel):
    """What happened to a change set besides its steps, or to the rule of approvals (`change_set` null)."""

    id = models.BigAutoField(primary_key=True)
    change_set = models.ForeignKey(
        "configs.ChangeSet", models.PROTECT, db_constraint=False, null=True, related_name="entries"
    )
    at = models.DateTimeField()
    what = models.CharField(max_length=32)
    by = models.TextField()
    detail = models.TextField(blank=True, default="")

    class Meta:
        app_label = "configs"
        ordering = ["id"]
