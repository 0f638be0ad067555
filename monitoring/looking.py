"""The worker looks: at edges that reported, at rollouts, holds and plans, and at silence when it is due.

Every look compares what stands with what is open, so that looking twice changes nothing.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from configs import jobs
from edges import tenancy
from edges.models import Stage
from monitoring import alerting, facts, planned, steered
from monitoring.causes import OF_REPORTS
from monitoring.models import AlertEdge

SILENCE = "silence"
# Silence is looked at no more often, and no later, than this.
SOONEST, LATEST = timedelta(seconds=60), timedelta(minutes=30)


def reported(*, organization_id: UUID, edges: Collection[UUID], now: datetime) -> None:
    """Purpose: open, grow and resolve what these edges, the rollouts, the holds and the plans give cause for.

    Errors: none. Source: lifecycle.md, experience.md page 5.
    """
    with tenancy.scope([organization_id]):
        lock(organization_id)
        if edges:
            standing = facts.of_edges(organization_id, edges, now)
            alerting.settle(organization_id, standing, kinds=OF_REPORTS, edges=edges, now=now)
            heard = facts.online(edges, now)
            alerting.settle(organization_id, {}, kinds={"offline"}, edges=heard, now=now)
        _of_everybody(organization_id, now)


def silence(*, organization_id: UUID, now: datetime) -> None:
    """Purpose: who fell silent, whose review is due, who left the service; and set the next deadline."""
    with tenancy.scope([organization_id]):
        lock(organization_id)
        standing, next_silence = facts.of_silence(organization_id, now)
        alerting.settle(organization_id, standing, kinds={"offline"}, edges=None, now=now)
        gone = set(
            AlertEdge.objects.filter(left_at=None)
            .exclude(edge__stage=Stage.IN_SERVICE)
            .filter(alert__kind__in=OF_REPORTS)
            .values_list("edge_id", flat=True)
        )
        alerting.settle(organization_id, {}, kinds=OF_REPORTS, edges=gone, now=now)
        next_look = _of_everybody(organization_id, now)
        due = min((one for one in (next_silence, next_look) if one is not None), default=now + LATEST)
        jobs.add(
            kind=SILENCE,
            organization_id=organization_id,
            subject=organization_id,
            now=now,
            due_at=min(max(due, now + SOONEST), now + LATEST),
        )


def _of_everybody(organization_id: UUID, now: datetime) -> datetime | None:
    rollouts = steered.stand(organization_id, now)
    alerting.settle(organization_id, rollouts, kinds={"rollout", "rollout_failed"}, edges=None, now=now)
    overdue, next_review = facts.of_holds(now)
    alerting.settle(organization_id, overdue, kinds={"hold"}, edges=None, now=now)
    failed, next_end = planned.stand(organization_id, now)
    alerting.settle(organization_id, failed, kinds={"not_published", "not_ended"}, edges=None, now=now)
    return min((one for one in (next_review, next_end) if one is not None), default=None)


def lock(organization_id: UUID) -> None:
    """One look or act at a time in an organization, to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"alerts {organization_id}"])
