"""What the doors must remember across processes: rate-limit buckets and answers to repeatable calls."""

from django.db import models


class Bucket(models.Model):
    """One token bucket, in an unlogged table: after a crash of the database all buckets are full again.

    Written by one statement only (`LEASE_SQL` of doors/limits.py). `granted` is what the last lease took.
    """

    key = models.TextField(primary_key=True)
    tokens = models.FloatField()
    granted = models.FloatField(default=0)
    capacity = models.FloatField(default=0)
    per_second = models.FloatField(default=0)
    block = models.FloatField(default=0)
    refilled_at = models.DateTimeField()


class IdempotencyRecord(models.Model):
    """The answer that a principal got for an Idempotency-Key, kept 24 hours."""

    principal = models.TextField()
    key = models.TextField()
    body_digest = models.TextField()
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["principal", "key"], name="doors_idempotency_once"),
        ]
