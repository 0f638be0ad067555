"""Alerts as people read them. Who sees what is the caller's: `edges` narrows to those that may be seen."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from monitoring.causes import NEXT
from monitoring.models import Alert, AlertEdge, AlertEntry

STATES = ("open", "resolved", "all")
MOST_ENTRIES = 200


def within(rows: QuerySet[Alert], sites: Iterable[UUID]) -> QuerySet[Alert]:
    """Alerts that reach, or reached, an edge of these sites."""
    own = AlertEdge.objects.filter(alert=OuterRef("pk"), edge__site__in=list(sites))
    return rows.filter(Exists(own))


def in_state(rows: QuerySet[Alert], state: str) -> QuerySet[Alert]:
    return rows if state == "all" else rows.filter(resolved_at__isnull=state == "open")


def reach_of(alerts: Iterable[UUID], edges: Q) -> dict[UUID, int]:
    """How many edges each reaches now, of those that may be seen. One query."""
    rows = AlertEdge.objects.filter(edges, alert__in=list(alerts), left_at=None)
    counted: dict[UUID, int] = defaultdict(int)
    counted |= dict(rows.values_list("alert").annotate(n=Count("id")).order_by())
    return counted


def reached(alert: UUID, edges: Q) -> QuerySet[AlertEdge]:
    """The edges that it reaches now, of those that may be seen."""
    rows: QuerySet[AlertEdge] = AlertEdge.objects.filter(edges, alert=alert, left_at=None)
    return rows.select_related("edge__site")


def brief(alert: Alert, reach: int, *, now: datetime) -> dict[str, Any]:
    is_muted = alert.muted_until is not None and alert.muted_until > now
    return {
        "id": alert.pk,
        "kind": alert.kind,
        "what": alert.what,
        "detail": alert.detail,
        "reach": reach,
        "change_set": alert.change_set_id,
        "rollout": alert.rollout_id,
        "opened_at": alert.opened_at,
        "resolved_at": alert.resolved_at,
        "owner": alert.owner or None,
        "acknowledged_at": alert.acknowledged_at,
        "muted_until": alert.muted_until if is_muted else None,
        "mute_reason": alert.mute_reason if is_muted else None,
        "next_step": NEXT[alert.kind] if alert.resolved_at is None else None,  # type: ignore[index]
    }


def history(alert: UUID) -> Sequence[dict[str, Any]]:
    rows = AlertEntry.objects.filter(alert=alert).order_by("-id")[:MOST_ENTRIES]
    return list(rows.values("what", "at", "by", "reason"))
