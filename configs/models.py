"""What each edge should run: layers and their revisions, pins, change sets, versions, blobs.

Revisions, versions, operations and blobs are written once and never changed. References between tenant
tables carry no single-column constraint: the composite keys of the migrations (organization, reference)
hold them.
"""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from edge_protocol.layout import SCHEMA_ID
from edges.history import who
from edges.tenancy import TenantModel


def _id() -> "models.UUIDField[Any, Any]":
    return models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)


def _within(to: str, **options: Any) -> "models.ForeignKey[Any, Any]":
    """A reference inside the organization; indexed only where something is looked up by it."""
    options.setdefault("db_index", False)
    return models.ForeignKey(to, models.PROTECT, db_constraint=False, related_name="+", **options)


class Scope(models.TextChoices):
    ORGANIZATION = "organization"
    SITE = "site"
    EDGE = "edge"


class Ledger(TenantModel):
    """One row per organization: numbers change sets, and counts everything that moved its fleet.

    Written only under the organization's row lock, so that equal sequences prove that nothing moved between
    two reads.
    """

    organization = models.OneToOneField(
        "edges.Organization", models.PROTECT, primary_key=True, related_name="ledger"
    )
    sequence = models.PositiveBigIntegerField(default=0)
    change_sets = models.PositiveBigIntegerField(default=0)


class SectionBlob(TenantModel):
    """The canonical bytes of one section, stored once for all edges and versions that carry it."""

    id = _id()
    digest = models.CharField(max_length=64)
    shape = models.CharField(max_length=64)  # equal where no cross-section rule sees a difference
    body = models.BinaryField()
    size = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "digest"], name="configs_blob_once")]


class Layer(TenantModel):
    """The partial document of one organization, site or edge; its baseline is what newcomers pin."""

    id = _id()
    scope = models.CharField(max_length=12, choices=Scope.choices)
    site = _within("edges.Site", null=True)
    edge = _within("edges.Edge", null=True)
    baseline = _within("configs.Revision", null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "site", "edge"], name="configs_layer_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(scope=Scope.ORGANIZATION, site=None, edge=None)
                | Q(scope=Scope.SITE, site__isnull=False, edge=None)
                | Q(scope=Scope.EDGE, site=None, edge__isnull=False),
                name="configs_layer_scope",
            ),
        ]


class Revision(TenantModel):
    """One state of one layer, for ever."""

    id = _id()
    layer = _within("configs.Layer")
    number = models.PositiveBigIntegerField()
    parent = _within("configs.Revision", null=True)  # the state that it builds on; null: nothing
    body = models.TextField()  # canonical JSON
    members = ArrayField(
        models.TextField(), default=list
    )  # the body's top-level names, to load only what matters
    change_set = _within("configs.ChangeSet", db_index=True)
    author = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["layer", "number"], name="configs_revision_number")]


class RegistryRevision(models.Model):
    """One state of the device profile registry; the same for all organizations."""

    number = models.PositiveIntegerField(primary_key=True)
    profiles = models.TextField()  # canonical JSON: {profile id: profile}
    created_at = models.DateTimeField()
    note = models.TextField(blank=True, default="")


class DeviceProfile(models.Model):
    """The newest state of one device profile; what edges are resolved from is the pinned RegistryRevision."""

    name = models.CharField(max_length=100, unique=True)
    version = models.CharField(max_length=32)
    body = models.JSONField()

    history = HistoricalRecords(get_user=who)

    class Meta:
        ordering = ["name"]


class EdgePins(TenantModel):
    """The revisions that an edge is resolved from; null = that layer is absent."""

    edge = models.OneToOneField(
        "edges.Edge", models.PROTECT, primary_key=True, db_constraint=False, related_name="pins"
    )
    organization_revision = _within("configs.Revision", null=True)
    site_revision = _within("configs.Revision", null=True)
    edge_revision = _within("configs.Revision", null=True)
    registry = models.ForeignKey("configs.RegistryRevision", models.PROTECT, related_name="+", db_index=False)
    schema = models.CharField(max_length=32, default=SCHEMA_ID)
    # Why the pins lead to nothing that can be published: [{rule, path, detail}]; the edge keeps what it has.
    problems = models.JSONField(default=list)


class HoldSource(models.TextChoices):
    OPERATOR = "operator"
    ROLLBACK = "rollback"
    EXCLUDE = "exclude"


class Hold(TenantModel):
    """A frozen edge: its organization's and its site's changes pass by until it is released."""

    id = _id()
    edge = _within("edges.Edge")
    source = models.CharField(max_length=12, choices=HoldSource.choices)
    by = models.TextField()
    reason = models.TextField()
    review_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)
    released_by = models.TextField(blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["edge"], condition=Q(released_at=None), name="configs_hold_open")
        ]


class Kind(models.TextChoices):
    """Why a change set exists."""

    EDIT = "edit"
    PUT = "put"
    ADOPT = "adopt"
    ROLLBACK = "rollback"
    RETRY = "retry"
    REVERT = "revert"
    RELEASE = "release"
    REGISTRY = "registry"
    RECALL = "recall"


class State(models.TextChoices):
    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"
    IN_ROLLOUT = "in_rollout"
    REVERTED = "reverted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class ChangeSet(TenantModel):
    """One operator's intent over one or more layers, with a reason."""

    id = _id()
    number = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    state = models.CharField(max_length=20, choices=State.choices)
    author = models.TextField()
    author_user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    reason = models.TextField()
    selector = models.JSONField(null=True)
    exclude = models.JSONField(default=list)
    base = models.JSONField(default=dict)  # {"scope/target": revision number} that the author saw
    preview_digest = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    published_by = models.TextField(blank=True, default="")
    closed_at = models.DateTimeField(null=True)  # cancelled, rejected or reverted
    reverts = _within("configs.ChangeSet", null=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "number"], name="configs_change_set_number")
        ]

    def __str__(self) -> str:
        return f"#{self.number}"


class Operation(TenantModel):
    """One step of a change set. `value` and `old` (what the layer had at the path) are canonical JSON."""

    id = models.BigAutoField(primary_key=True)
    change_set = _within("configs.ChangeSet", db_index=True)
    position = models.PositiveIntegerField()
    layer = _within("configs.Layer", null=True)
    scope = models.CharField(max_length=12, choices=Scope.choices)
    target = models.CharField(max_length=63, blank=True, default="")  # empty in a draft: each selected edge
    op = models.CharField(max_length=8)
    path = models.TextField(blank=True, default="")
    value = models.TextField(null=True)  # noqa: DJ001 - no value is not the value ""
    old = models.TextField(null=True)  # noqa: DJ001 - absent is not ""

    class Meta:
        ordering = ["position"]
        indexes = [
            # Pattern operators, because the history of a path asks for everything below it.
            models.Index(
                fields=["organization", "path"],
                opclasses=["uuid_ops", "text_pattern_ops"],
                name="configs_operation_path",
            ),
            models.Index(
                fields=["layer", "path"],
                opclasses=["uuid_ops", "text_pattern_ops"],
                name="configs_operation_layer",
            ),
        ]


class Preview(TenantModel):
    """What a preview promised, kept so that a publish which would do something else can say what changed."""

    id = models.BigAutoField(primary_key=True)
    digest = models.CharField(max_length=64)
    edges = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "digest"], name="configs_preview_once")
        ]


class Version(TenantModel):
    """What an edge was told to run: the digests of its sections, signed, and the revisions they came from."""

    id = models.BigAutoField(primary_key=True)
    edge = _within("edges.Edge")
    number = models.PositiveBigIntegerField()
    epoch = models.PositiveIntegerField()
    kind = models.CharField(max_length=8)
    content_of = models.PositiveBigIntegerField(null=True)
    sections = models.JSONField()  # {name: digest}
    digest = models.CharField(max_length=64)
    envelope = models.TextField()  # as first issued: the EMS-Manifest header's value
    timestamp = models.DateTimeField()
    issued_at = models.DateTimeField()
    change_set = _within("configs.ChangeSet", db_index=True)
    organization_revision = _within("configs.Revision", null=True)
    site_revision = _within("configs.Revision", null=True)
    edge_revision = _within("configs.Revision", null=True)
    registry = models.ForeignKey(
        "configs.RegistryRevision", models.PROTECT, db_constraint=False, related_name="+", db_index=False
    )
    schema = models.CharField(max_length=32, default=SCHEMA_ID)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["edge", "number"], name="configs_version_number")]

    def __str__(self) -> str:
        return f"version {self.number}"


class Quarantine(TenantModel):
    """Content that an edge refused: the sections in which the failed version differed from what then ran."""

    id = models.BigAutoField(primary_key=True)
    edge = _within("edges.Edge")
    version = models.PositiveBigIntegerField()
    sections = models.JSONField()  # {name: digest, or null where the failed version removed it}
    code = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["edge", "version"], condition=Q(lifted_at=None), name="configs_quarantine_open"
            )
        ]


# Their models name these, and Django looks for models here alone.
from configs.rollouts import models as rollout_models  # noqa: E402, F401
from configs.timed import models as timed_models  # noqa: E402, F401
