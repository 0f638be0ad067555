"""What an edge is asked to do beside its configuration: repeated in every answer until it says done."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from edge_protocol.messages import Event, Request, present
from edges import notices
from edges.models import Edge, EdgeRequest

Kind = Literal["sync", "apply", "bundle", "restart_runtime"]
LONGEST: Final = timedelta(hours=1)
DONE: Final = "request_done"


def ask(*, edge: Edge, kind: Kind, payload: Mapping[str, Any], now: datetime) -> EdgeRequest:
    """A new request, and a notice of it. The same one while it is still open: that one. Needs a scope."""
    still_open = EdgeRequest.objects.filter(
        edge=edge, kind=kind, payload=dict(payload), done_at=None, expires_at__gt=now
    ).first()
    if still_open is not None:
        return still_open
    made = EdgeRequest.objects.create(
        organization_id=edge.organization_id,
        edge=edge,
        kind=kind,
        payload=dict(payload),
        created_at=now,
        expires_at=now + LONGEST,
    )
    notices.notify(kind="request", organization_id=edge.organization_id, subject_id=edge.pk)
    return made


def open_for(edge_uid: UUID, now: datetime) -> list[Request]:
    """As the wire carries them, oldest first. Needs a scope."""
    rows = EdgeRequest.objects.filter(edge_id=edge_uid, done_at=None, expires_at__gt=now).order_by(
        "created_at"
    )
    return [Request(id=str(row.pk), kind=row.kind, details=row.payload) for row in rows]


def finish(*, edge_uid: UUID, events: Sequence[Event], now: datetime) -> None:
    """Close what `request_done` events name. Needs a scope; ids that are not this edge's name nothing."""
    for event in events:
        request_id = _named(event)
        if request_id is not None:
            EdgeRequest.objects.filter(pk=request_id, edge_id=edge_uid, done_at=None).update(
                done_at=now, outcome=present(event.code) or "ok"
            )


def _named(event: Event) -> UUID | None:
    data = present(event.data) or {}
    if event.type != DONE or not isinstance(data.get("request_id"), str):
        return None
    try:
        return UUID(data["request_id"])
    except ValueError:
        return None
