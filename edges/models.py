"""Who exists, what identifies them, and what is known of them.

References between tenant tables carry no single-column constraint: the composite keys of the migrations
(organization, reference) hold them, so that no row can name another organization's.
"""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

from edges.history import organization_history, tenant_history
from edges.tenancy import OwnRowManager, TenantModel


def _id() -> "models.UUIDField[Any, Any]":
    return models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)


def _within(to: str, **options: Any) -> "models.ForeignKey[Any, Any]":
    return models.ForeignKey(to, models.PROTECT, db_constraint=False, **options)


def _of_edge(related_name: str) -> "models.OneToOneField[Any, Any]":
    return models.OneToOneField(
        "edges.Edge", models.PROTECT, primary_key=True, db_constraint=False, related_name=related_name
    )


class Organization(models.Model):
    id = _id()
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64, default="UTC")
    key_rotation_days = models.PositiveSmallIntegerField(default=90)
    requires_second_factor = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    objects = OwnRowManager()
    history = organization_history()

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class Site(TenantModel):
    id = _id()
    code = models.SlugField(max_length=40)
    name = models.CharField(max_length=200)
    time_zone = models.CharField(max_length=64, default="UTC")
    access_notes = models.TextField(blank=True, default="")  # how somebody gets to the plant
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    history = tenant_history()

    class Meta:
        ordering = ["code"]
        constraints = [models.UniqueConstraint(fields=["organization", "code"], name="edges_site_code")]

    def __str__(self) -> str:
        return self.code


class Stage(models.TextChoices):
    COMMISSIONING = "commissioning"
    IN_SERVICE = "in_service"
    MAINTENANCE = "maintenance"
    RETIRED = "retired"


class Edge(TenantModel):
    id = _id()  # the edge_uid of the protocol
    edge_id = models.CharField(max_length=63, unique=True)
    site = _within("edges.Site", related_name="edges")
    name = models.CharField(max_length=200, blank=True, default="")
    tags = ArrayField(models.CharField(max_length=63), default=list, blank=True)
    stage = models.CharField(max_length=16, choices=Stage.choices, default=Stage.COMMISSIONING)
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    history = tenant_history()

    class Meta:
        ordering = ["edge_id"]
        indexes = [
            models.Index(fields=["organization", "edge_id"], name="edges_edge_by_id"),
            GinIndex(fields=["tags"], name="edges_edge_tags"),
        ]

    def __str__(self) -> str:
        return self.edge_id


class Membership(TenantModel):
    """What one person may do in one organization, or in one of its sites."""

    id = _id()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16)
    site = _within("edges.Site", null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    history = tenant_history()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organization", "site"], name="edges_membership_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(role__in=["viewer", "approver", "operator", "administrator", "owner"]),
                name="edges_membership_role",
            ),
        ]


class EdgeKey(TenantModel):
    """An edge's credential: its id and a keyed hash of the whole text, never the text.

    `pending`: a candidate of a rotation or a hardware replacement; its first use confirms it.
    """

    id = _id()
    edge = _within("edges.Edge", related_name="keys")
    key_id = models.CharField(max_length=12, unique=True)
    mac = models.BinaryField()
    pepper = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()
    first_used_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.TextField(blank=True, default="")
    revoked_reason = models.TextField(blank=True, default="")
    pending = models.BooleanField(default=False)
    replaces = _within("edges.EdgeKey", null=True, related_name="+")
    # A replacement of hardware ends the old key at once; a rotation leaves it a grace.
    replaces_hardware = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["edge"], condition=Q(pending=True, revoked_at=None), name="edges_one_pending_key"
            )
        ]


class EnrollmentToken(TenantModel):
    id = _id()
    edge = _within("edges.Edge", related_name="enrollment_tokens")
    token_id = models.CharField(max_length=12, unique=True)
    mac = models.BinaryField()
    pepper = models.PositiveSmallIntegerField()
    created_by = models.TextField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    used_nonce = models.CharField(max_length=200, null=True)  # noqa: DJ001 - unused is not an empty nonce
    issued_key = _within("edges.EdgeKey", null=True, related_name="+")


class OperatorToken(TenantModel):
    id = _id()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="operator_tokens")
    name = models.CharField(max_length=200)
    token_id = models.CharField(max_length=12, unique=True)
    mac = models.BinaryField()
    pepper = models.PositiveSmallIntegerField()
    role = models.CharField(max_length=16)
    site = _within("edges.Site", null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.TextField(blank=True, default="")
    last_used_at = models.DateTimeField(null=True)


class Invitation(TenantModel):
    """An offer of a membership to whoever holds its code: used once, until it expires."""

    id = _id()
    email = models.EmailField()
    role = models.CharField(max_length=16)
    site = _within("edges.Site", null=True, related_name="+")
    code_id = models.CharField(max_length=12, unique=True)
    mac = models.BinaryField()
    pepper = models.PositiveSmallIntegerField()
    created_by = models.TextField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.TextField(blank=True, default="")
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.TextField(blank=True, default="")


class Contact(TenantModel):
    """Somebody to call about a site. No account: a name and how to reach them."""

    id = _id()
    site = _within("edges.Site", related_name="contacts")
    name = models.CharField(max_length=200)
    role = models.CharField(max_length=100, blank=True, default="")
    phone = models.CharField(max_length=40, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    created_at = models.DateTimeField()

    history = tenant_history()

    class Meta:
        ordering = ["name"]


class JournalEntry(TenantModel):
    """What a person noted about a site, or about one edge of it: never changed, only corrected by another."""

    id = models.BigAutoField(primary_key=True)
    site = _within("edges.Site", related_name="journal")
    edge = _within("edges.Edge", null=True, related_name="journal")
    at = models.DateTimeField()  # when it happened, as the person says
    written_at = models.DateTimeField()
    by = models.TextField()
    text = models.TextField()
    corrects = _within("edges.JournalEntry", null=True, related_name="corrections")


class AuditEntry(TenantModel):
    """An act of a person that leaves no other row: a sign-in, an export, a second factor, a removal."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    what = models.CharField(max_length=32)
    by = models.TextField()
    about = models.TextField(blank=True, default="")
    detail = models.TextField(blank=True, default="")

    class Meta:
        indexes = [models.Index(F("organization"), F("at").desc(), name="edges_audit_at")]


class EdgeHead(TenantModel):
    """What an edge is desired to run: written by publishing and re-issuing alone, read by every poll."""

    edge = _of_edge("head")
    version = models.PositiveBigIntegerField()
    digest = models.CharField(max_length=64)
    etag = models.CharField(max_length=64)  # as in the header, quotes included
    epoch = models.PositiveIntegerField()
    envelope = models.TextField()  # the EMS-Manifest header's value
    issued_at = models.DateTimeField()
    published_at = models.DateTimeField()
    held = models.BooleanField(default=False)


class EdgeStatus(TenantModel):
    """What an edge last said of itself: written by heartbeats alone, never the row that publishing writes."""

    edge = _of_edge("status")
    boot_id = models.UUIDField(null=True)
    previous_boot_id = models.UUIDField(null=True)
    seq = models.PositiveBigIntegerField(default=0)
    running_version = models.PositiveBigIntegerField(default=0)
    running_digest = models.CharField(max_length=64, null=True)  # noqa: DJ001 - the wire's null
    drifted = models.BooleanField(default=False)  # what runs is not the content of the version it reports
    highest_seen = models.PositiveBigIntegerField(null=True)
    last_known_good = models.PositiveBigIntegerField(null=True)
    phase = models.CharField(max_length=32, blank=True, default="")
    staged = models.JSONField(null=True)
    last_attempt = models.JSONField(null=True)
    quarantine = models.JSONField(default=list)
    local_hold = models.JSONField(null=True)
    health = models.JSONField(default=dict)
    sync = models.JSONField(default=dict)
    schemas = models.JSONField(default=list)
    capabilities = models.JSONField(default=dict)
    hardware_id = models.TextField(blank=True, default="")
    limits_digest = models.TextField(blank=True, default="")
    agent_version = models.TextField(blank=True, default="")
    uptime_seconds = models.FloatField(null=True)
    clock = models.JSONField(default=dict)
    transport = models.CharField(max_length=16, blank=True, default="")
    last_heartbeat_at = models.DateTimeField(null=True)
    heartbeat_seconds = models.PositiveIntegerField(default=60)  # the interval that it was told to keep


class EdgeEvent(TenantModel):
    id = models.BigAutoField(primary_key=True)
    edge = _within("edges.Edge", related_name="events")
    event_id = models.UUIDField()
    seq = models.PositiveBigIntegerField()
    type = models.CharField(max_length=64)
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    version = models.PositiveBigIntegerField(null=True)
    code = models.TextField(blank=True, default="")
    detail = models.TextField(blank=True, default="")
    data = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["edge", "event_id"], name="edges_event_once")]


class RunningChange(TenantModel):
    """One change of what an edge runs, as its heartbeat showed it."""

    id = models.BigAutoField(primary_key=True)
    edge = _within("edges.Edge", related_name="running_changes", db_index=False)
    from_version = models.PositiveBigIntegerField()
    to_version = models.PositiveBigIntegerField()
    from_digest = models.CharField(max_length=64, null=True)  # noqa: DJ001 - the wire's null
    to_digest = models.CharField(max_length=64, null=True)  # noqa: DJ001 - the wire's null
    code = models.TextField(blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(F("edge"), F("at").desc(), name="edges_running_at")]


class EdgeRequest(TenantModel):
    """Something an edge is asked to do beside its configuration; repeated until done or expired."""

    id = _id()
    edge = _within("edges.Edge", related_name="requests", db_index=False)
    kind = models.CharField(max_length=32)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    outcome = models.TextField(blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["edge"], condition=Q(done_at=None), name="edges_request_open")]


class TrustRoot(models.Model):
    """Every issued trust root; the same for all organizations."""

    root_version = models.PositiveIntegerField(primary_key=True)
    envelope = models.JSONField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField()


class NoticeCounter(models.Model):
    """One row, incremented last in a transaction: notices are numbered in the order of commits."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="edges_notice_counter_single")]
