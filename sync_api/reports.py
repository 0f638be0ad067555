"""What edges report, the same over HTTP and over the socket: shape in, one use case, answer out."""

from datetime import datetime
from typing import Any

from configs import heartbeats, signing, watching
from edge_protocol.messages import EventsRequest, Heartbeat
from edges import health, tenancy
from edges.credentials import EdgePrincipal


def heartbeat(*, principal: EdgePrincipal, body: Any, transport: str, now: datetime) -> dict[str, Any]:
    """The answer to one heartbeat. Raises: DocumentError for a body of the wrong shape."""
    answer = heartbeats.receive(
        principal=principal,
        heartbeat=Heartbeat.from_dict(body),
        transport=transport,
        now=now,
        signer=signing.signer(),
    )
    return answer.to_dict()


def events(*, principal: EdgePrincipal, body: Any, now: datetime) -> dict[str, Any]:
    """Which events were stored, which had been before, which cannot be. Raises: DocumentError."""
    asked = EventsRequest.from_dict(body)
    answer = health.file_events(principal=principal, events=asked.events, now=now)
    is_alarm = any(one.get("type") == "alarm" for one in asked.events if isinstance(one, dict))
    # Also for duplicates: they come when the answer, and so perhaps this, was lost the first time.
    if is_alarm and (answer.accepted or answer.duplicate):
        with tenancy.scope([principal.organization_id]):
            watching.look(organization_id=principal.organization_id, edge_uid=principal.edge_uid, now=now)
    return answer.to_dict()
