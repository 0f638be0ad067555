"""A newer state of the device profile registry reaches an organization's edges: a change set of its own."""

from datetime import datetime
from uuid import UUID

from configs import publishing, registry
from configs.changes import Actor, Change
from configs.models import Kind
from configs.moving import Motion
from configs.outcomes import Outcome, Preview
from configs.signing import Signer


def preview_profiles(*, organization_id: UUID, now: datetime) -> Preview:
    """What the newest profiles would change. Edges that they make invalid are listed and go on."""
    change, motion = _update(now, "profiles")
    return publishing.preview(organization_id=organization_id, change=change, now=now, motion=motion)


def publish_profiles(
    *,
    organization_id: UUID,
    reason: str,
    actor: Actor,
    now: datetime,
    signer: Signer,
    preview_digest: str | None = None,
) -> Outcome:
    """Pin every edge that is not held to the newest registry revision; a version where its document changes.

    Errors: PreviewChanged, ClockRefused.
    """
    change, motion = _update(now, reason)
    return publishing.publish(
        organization_id=organization_id,
        change=change,
        actor=actor,
        now=now,
        signer=signer,
        preview_digest=preview_digest,
        motion=motion,
    )


def _update(now: datetime, reason: str) -> tuple[Change, Motion]:
    change = Change(reason=reason, operations=(), kind=Kind.REGISTRY)
    return change, Motion(registry=registry.current(now=now))
