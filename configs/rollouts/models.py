"""Rollouts as rows: the rollout, its candidates, its waves, its targets, and who did what.

Written by the worker and by people's commands, always under the rollout's row lock.
"""

from django.db import models
from django.db.models import Q

from configs.models import _id, _within
from configs.rollouts.states import Phase, TargetState, WavePhase
from edges.tenancy import TenantModel


class Rollout(TenantModel):
    """One change set on its way through the fleet, wave by wave."""

    id = _id()
    change_set = models.OneToOneField(
        "configs.ChangeSet", models.PROTECT, db_constraint=False, related_name="rollout"
    )
    phase = models.CharField(max_length=32, choices=[(one.value, one.value) for one in Phase])
    said = models.TextField()  # why it is in this phase, in words
    policy = models.JSONField()
    preset = models.CharField(max_length=16, blank=True, default="")
    wave = models.PositiveIntegerField(default=0)
    scope = models.CharField(max_length=8, blank=True, default="")  # of a roll back: wave | all
    credit = models.FloatField(default=1)
    credit_at = models.DateTimeField()
    by = models.TextField()
    started_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)  # when the next deadline passes

    class Meta:
        app_label = "configs"
        ordering = ["-started_at"]


class RolloutLayer(TenantModel):
    """The candidate of one layer. At most one open rollout has a candidate of a layer."""

    id = models.BigAutoField(primary_key=True)
    rollout = _within("configs.Rollout", db_index=True)
    layer = _within("configs.Layer", db_index=True)
    candidate = _within("configs.Revision")
    is_open = models.BooleanField(default=True)

    class Meta:
        app_label = "configs"
        constraints = [
            models.UniqueConstraint(
                fields=["layer"], condition=Q(is_open=True), name="configs_one_rollout_a_layer"
            )
        ]


class RolloutWave(TenantModel):
    """One wave; the last holds the stragglers. `share` is what was asked for: selector, count or percent."""

    id = models.BigAutoField(primary_key=True)
    rollout = _within("configs.Rollout")
    position = models.PositiveIntegerField()
    name = models.TextField()
    share = models.JSONField(default=dict)
    phase = models.CharField(max_length=16, choices=[(one.value, one.value) for one in WavePhase])
    since = models.DateTimeField(null=True)
    baking_since = models.DateTimeField(null=True)
    said = models.TextField(blank=True, default="")

    class Meta:
        app_label = "configs"
        constraints = [models.UniqueConstraint(fields=["rollout", "position"], name="configs_wave_once")]


class RolloutTarget(TenantModel):
    """One edge of a rollout. `wave` -1: in none, passed by from the beginning.

    `is_watched`: what the edge reports wakes the rollout.
    """

    id = models.BigAutoField(primary_key=True)
    rollout = _within("configs.Rollout")
    edge = _within("edges.Edge")
    wave = models.IntegerField()
    place = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=[(one.value, one.value) for one in TargetState])
    why = models.TextField(blank=True, default="")
    version = models.PositiveBigIntegerField(null=True)
    is_moved = models.BooleanField(default=False)
    is_alarmed = models.BooleanField(default=False)
    is_retried = models.BooleanField(default=False)
    is_watched = models.BooleanField(default=True)
    offered_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        app_label = "configs"
        constraints = [models.UniqueConstraint(fields=["rollout", "edge"], name="configs_target_once")]
        indexes = [
            models.Index(fields=["edge"], condition=Q(is_watched=True), name="configs_target_watched"),
            models.Index(fields=["rollout", "wave", "state"], name="configs_target_wave"),
        ]


class RolloutEntry(TenantModel):
    """One transition of a rollout or of a wave: what, by whom, why, on what evidence."""

    id = models.BigAutoField(primary_key=True)
    rollout = _within("configs.Rollout", db_index=True)
    at = models.DateTimeField()
    what = models.CharField(max_length=32)
    by = models.TextField()
    reason = models.TextField()
    wave = models.IntegerField(null=True)
    evidence = models.JSONField(default=dict)

    class Meta:
        app_label = "configs"
        ordering = ["id"]


class Job(TenantModel):
    """Something that a worker is to look at, at or after `due_at`. `about`: the edge that reported."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=32)
    subject = models.UUIDField()
    about = models.UUIDField(null=True)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")

    class Meta:
        app_label = "configs"
        indexes = [
            models.Index(fields=["due_at"], name="configs_job_due"),
            models.Index(fields=["organization", "subject", "due_at"], name="configs_job_subject"),
        ]
