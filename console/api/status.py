"""How one edge is: three facts kept apart, and the words for them; what it reported."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from configs.models import Hold
from console import fleet
from console.api import answers, reach
from console.api.calls import Call
from console.api.documented import PAGED, documented
from doors import pagination
from edges.models import Edge, EdgeEvent, EdgeHead, EdgeStatus

FILTERS = {
    "edge": "An edge's id.",
    "type": "transition, alarm, request_done, drift, security or another.",
    "code": "The code that the edge gave.",
}
REPORTED = (
    "phase",
    "staged",
    "highest_seen",
    "last_known_good",
    "last_attempt",
    "quarantine",
    "local_hold",
    "health",
    "sync",
    "schemas",
    "capabilities",
    "hardware_id",
    "limits_digest",
    "agent_version",
    "uptime_seconds",
    "clock",
    "transport",
    "last_heartbeat_at",
)


def status_item(edge: Edge, hold: Hold | None, now: Any) -> dict[str, Any]:
    said = fleet.described(edge, now)
    head: EdgeHead | None = getattr(edge, "head", None)
    status: EdgeStatus = getattr(edge, "status", None) or EdgeStatus()
    return {
        "edge_id": edge.edge_id,
        "site": edge.site.code,
        "stage": edge.stage,
        "link": said.link,
        "configuration": said.configuration,
        "headline": said.headline,
        "flags": list(said.flags),
        "desired": head and desired_item(head),
        "running": {"version": status.running_version, "digest": status.running_digest},
        **{name: getattr(status, name) for name in REPORTED},
        "hold": hold and hold_item(hold),
    }


def desired_item(head: EdgeHead) -> dict[str, Any]:
    return {
        "version": head.version,
        "digest": head.digest,
        "etag": head.etag,
        "issued_at": head.issued_at,
        "published_at": head.published_at,
    }


def hold_item(hold: Hold) -> dict[str, Any]:
    return {
        "by": hold.by,
        "source": hold.source,
        "reason": hold.reason,
        "review_at": hold.review_at,
        "created_at": hold.created_at,
    }


def event_item(event: EdgeEvent) -> dict[str, Any]:
    return {
        "edge_id": event.edge.edge_id,
        "id": event.event_id,
        "seq": event.seq,
        "type": event.type,
        "at": event.at,
        "received_at": event.received_at,
        "version": event.version,
        "code": event.code or None,
        "detail": event.detail or None,
        "data": event.data,
    }


class Status(Call):
    @documented("Read an edge's three facts and the words for them", answers={200: answers.AnyDocument})
    def get(self, request: Request, edge_id: str) -> Response:
        self.query(request)
        edge = reach.edge(self.principal, edge_id, "read", facts=True)
        hold = Hold.objects.filter(edge=edge, released_at=None).first()
        return Response(status_item(edge, hold, self.now))


class Events(Call):
    @documented(
        "List what the edges of an organization reported",
        query=PAGED | FILTERS,
        answers={200: answers.page_of(answers.EventAnswer, "Events")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request, *FILTERS)
        organization, sites = reach.any_of(self.principal, org, "read")
        rows = EdgeEvent.objects.filter(organization=organization).select_related("edge")
        if sites is not None:
            rows = rows.filter(edge__site__in=sites)
        if edge := query.get("edge"):
            rows = rows.filter(edge__edge_id=edge)
        for name in ("type", "code"):
            if name in query:
                rows = rows.filter(**{name: query[name]})
        return Response(pagination.page(rows, query, order=("-id",), item=event_item))
