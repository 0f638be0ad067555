"""What an edge says: heartbeats and events."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from doors.bodies import EVENTS_BYTES, HEARTBEAT_BYTES
from doors.views import EdgeView
from sync_api import openapi, reports


class HeartbeatView(EdgeView):
    """`POST /edges/{edge_id}/heartbeat`"""

    body_bytes = HEARTBEAT_BYTES

    @extend_schema(**openapi.HEARTBEAT)
    def post(self, request: Request, **_: Any) -> Response:
        body = self.json(request)
        return Response(
            reports.heartbeat(principal=self.principal, body=body, transport="polling", now=self.now)
        )


class EventsView(EdgeView):
    """`POST /edges/{edge_id}/events`: idempotent by each event's id."""

    body_bytes = EVENTS_BYTES

    @extend_schema(**openapi.EVENTS)
    def post(self, request: Request, **_: Any) -> Response:
        return Response(reports.events(principal=self.principal, body=self.json(request), now=self.now))
