"""Alerts by cause, the edges they reach, what was done about them, and who is told.

Alerts are written by the worker and by people's acts, under the organization's alert lock.
"""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q

from edges.tenancy import TenantModel


def _id() -> "models.UUIDField[Any, Any]":
    return models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)


def _within(to: str, **options: Any) -> "models.ForeignKey[Any, Any]":
    options.setdefault("db_index", False)
    options.setdefault("related_name", "+")
    return models.ForeignKey(to, models.PROTECT, db_constraint=False, **options)


class Alert(TenantModel):
    """One cause, however many edges it reaches. `key` tells causes apart; open until `resolved_at`."""

    id = _id()
    kind = models.CharField(max_length=24)
    key = models.TextField()
    what = models.TextField()
    detail = models.TextField(blank=True, default="")
    change_set = _within("configs.ChangeSet", null=True)
    rollout = _within("configs.Rollout", null=True)
    reach = models.PositiveIntegerField(default=0)  # edges that it reaches now
    told = models.PositiveIntegerField(default=0)  # the reach that was last told of
    by_email = models.BooleanField(default=True)  # an alarm of an edge asks for it, or does not
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    owner = models.TextField(blank=True, default="")
    acknowledged_at = models.DateTimeField(null=True)
    muted_until = models.DateTimeField(null=True)
    muted_by = models.TextField(blank=True, default="")
    mute_reason = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "key"], condition=Q(resolved_at=None), name="monitoring_alert_open"
            )
        ]
        indexes = [models.Index(fields=["organization", "-opened_at"], name="monitoring_alert_newest")]


class AlertEdge(TenantModel):
    """An edge that an alert reaches, or reached until `left_at`."""

    id = models.BigAutoField(primary_key=True)
    alert = _within("monitoring.Alert", related_name="reached")
    edge = _within("edges.Edge")
    since = models.DateTimeField()
    left_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "edge"], name="monitoring_reached_once")]
        indexes = [
            models.Index(fields=["edge"], condition=Q(left_at=None), name="monitoring_reached_now"),
        ]


class AlertEntry(TenantModel):
    """One thing that happened to an alert: opened, grown, resolved, reopened, or an act of a person."""

    id = models.BigAutoField(primary_key=True)
    alert = _within("monitoring.Alert", related_name="entries", db_index=True)
    what = models.CharField(max_length=16)
    at = models.DateTimeField()
    by = models.TextField(blank=True, default="")
    reason = models.TextField(blank=True, default="")
    reach = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["id"]


class Recipient(TenantModel):
    """Who is told: an e-mail address or a webhook, of the organization or of one site.

    A webhook's secret is not stored: it is derived from the pepper of this number and the recipient's id.
    """

    id = _id()
    kind = models.CharField(max_length=8, choices=[("email", "e-mail"), ("webhook", "webhook")])
    address = models.TextField()
    site = _within("edges.Site", null=True)
    pepper = models.PositiveSmallIntegerField(default=0)
    by = models.TextField()
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "kind", "address", "site"],
                condition=Q(removed_at=None),
                nulls_distinct=False,
                name="monitoring_recipient_once",
            )
        ]


class Delivery(TenantModel):
    """One message to one recipient: an outbox row, written with what it tells of."""

    id = _id()
    recipient = _within("monitoring.Recipient", db_index=True)
    alert = _within("monitoring.Alert", null=True)
    key = models.TextField()  # the same for every attempt: receivers drop what they have seen
    body = models.JSONField()
    state = models.CharField(max_length=12, default="waiting")  # waiting | delivered | given_up
    attempts = models.JSONField(default=list)  # [{at, said}], the newest last
    created_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["recipient", "key"], name="monitoring_delivery_once")]
        indexes = [
            models.Index(fields=["alert", "recipient"], name="monitoring_delivery_of_alert"),
            models.Index(
                fields=["organization", "created_at"],
                condition=Q(state="waiting"),
                name="monitoring_delivery_waiting",
            ),
        ]


class Served(models.Model):
    """What all server processes answered in one minute: of the system, not of an organization."""

    at = models.DateTimeField(primary_key=True)
    answered = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)


class LevelSample(TenantModel):
    """One service level of an organization at one time: how many were good, of how many."""

    id = models.BigAutoField(primary_key=True)
    metric = models.CharField(max_length=32)
    at = models.DateTimeField()
    value = models.FloatField(null=True)
    counted = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "metric", "at"], name="monitoring_sample_once")
        ]
