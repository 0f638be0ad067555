"""Holds as rows, and the mark beside what an edge is desired to run."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from configs.changes import Actor
from configs.models import Hold
from edges.models import EdgeHead


def hold(
    edge_uids: Sequence[UUID],
    *,
    organization_id: UUID,
    source: str,
    reason: str,
    actor: Actor,
    now: datetime,
    review_at: datetime | None = None,
) -> None:
    """Freeze edges that are not held yet. Needs the lock."""
    Hold.objects.bulk_create(
        Hold(
            organization_id=organization_id,
            edge_id=uid,
            source=source,
            by=actor.name,
            reason=reason,
            review_at=review_at,
            created_at=now,
        )
        for uid in edge_uids
    )
    _mark_held(edge_uids, held=True)


def release(edge_uids: Collection[UUID], *, actor: Actor, now: datetime) -> None:
    """End the holds of these edges. Needs the lock."""
    open_holds = Hold.objects.filter(edge_id__in=list(edge_uids), released_at=None)
    open_holds.update(released_at=now, released_by=actor.name)
    _mark_held(edge_uids, held=False)


def _mark_held(edge_uids: Collection[UUID], *, held: bool) -> None:
    EdgeHead.objects.filter(edge_id__in=list(edge_uids)).update(held=held)
