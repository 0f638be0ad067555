"""Alerts: list, read, the edges of one, acknowledge, mute, unmute."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from console.api import alert_answers, answers, reach, shapes
from console.api.calls import Call
from console.api.documented import PAGED, documented
from doors import pagination
from doors.problems import Refused
from edges.credentials import OperatorPrincipal
from edges.roles import Act
from monitoring import acts, telling
from monitoring.models import Alert, AlertEdge

FILTERS = {"state": "open (default), resolved or all.", "kind": "A kind, such as failed_change."}


def found_alert(principal: OperatorPrincipal, pk: UUID, act: Act) -> tuple[Alert, Q]:
    """The alert and the edges of it that the person may see. To act takes the role in all that it reaches.

    Raises: Refused 404 for what the person may not see, 403 for what the role does not reach.
    """
    alert = Alert.objects.select_related("organization").filter(pk=pk).first()
    if alert is None:
        reach.missing()
    if reach.may(principal, act, alert.organization_id, None):
        return alert, Q()
    seen = Q()
    if not reach.may(principal, "read", alert.organization_id, None):
        sites = reach.sites_with(principal, alert.organization_id, "read")
        seen = Q(edge__site__in=sites)
        if not telling.within(Alert.objects.filter(pk=pk), sites).exists():
            reach.missing()
    if act != "read":
        granted = reach.sites_with(principal, alert.organization_id, act)
        beyond = AlertEdge.objects.filter(alert=alert, left_at=None).exclude(edge__site__in=granted)
        if not granted or beyond.exists():
            reach.forbidden(act)
    return alert, seen


class Alerts(Call):
    @documented(
        "List the alerts of an organization",
        query=PAGED | FILTERS,
        answers={200: answers.page_of(alert_answers.AlertAnswer, "Alerts")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request, *FILTERS)
        organization, sites = reach.any_of(self.principal, org, "read")
        rows = Alert.objects.filter(organization=organization)
        if sites is not None:
            rows = telling.within(rows, sites)
        state = query.get("state", "open")
        if state not in telling.STATES:
            raise Refused(400, "bad_query", f"state is one of {', '.join(telling.STATES)}.")
        rows = telling.in_state(rows, state)
        if kind := query.get("kind"):
            rows = rows.filter(kind=kind)
        page = pagination.page(rows, query, order=("-opened_at", "-id"), item=_same)
        seen = Q() if sites is None else Q(edge__site__in=sites)
        counts = telling.reach_of([one.pk for one in page["items"]], seen)
        items = [telling.brief(one, counts[one.pk], now=self.now) for one in page["items"]]
        return Response(page | {"items": items})


def _same(row: Alert) -> Alert:
    return row


class OneAlert(Call):
    @documented("Read an alert with its history", answers={200: alert_answers.AlertDetail})
    def get(self, request: Request, alert: UUID) -> Response:
        self.query(request)
        found, seen = found_alert(self.principal, alert, "read")
        return Response(_detail(found, seen, self.now))


def _detail(alert: Alert, seen: Q, now: datetime) -> dict[str, Any]:
    counts = telling.reach_of([alert.pk], seen)
    told = telling.brief(alert, counts[alert.pk], now=now)
    return told | {"history": telling.history(alert.pk)}


class AlertEdges(Call):
    @documented(
        "List the edges of an alert",
        query=PAGED,
        answers={200: answers.page_of(alert_answers.AlertEdgeAnswer, "AlertEdges")},
    )
    def get(self, request: Request, alert: UUID) -> Response:
        query = self.query(request)
        found, seen = found_alert(self.principal, alert, "read")
        rows = telling.reached(found.pk, seen)
        return Response(pagination.page(rows, query, order=("edge__edge_id",), item=edge_item))


def edge_item(row: AlertEdge) -> dict[str, Any]:
    return {"edge_id": row.edge.edge_id, "site": row.edge.site.code, "since": row.since}


class _Acting(Call):
    """An act of a person on one alert."""

    def act(
        self,
        request: Request,
        alert: UUID,
        do: Callable[..., Alert],
        shape: type[shapes.Exact] = alert_answers.MayReason,
    ) -> HttpResponseBase:
        self.query(request)
        found, seen = found_alert(self.principal, alert, "edit")
        body: Mapping[str, Any] = self.body(shape)

        def respond() -> Response:
            done = do(
                organization_id=found.organization_id,
                alert_id=found.pk,
                actor=self.actor(),
                now=self.now,
                **body,
            )
            return Response(_detail(done, seen, self.now))

        return self.once(respond)


class Acknowledge(_Acting):
    @documented(
        "Acknowledge an alert and own it",
        body=alert_answers.MayReason,
        answers={200: alert_answers.AlertDetail},
    )
    def post(self, request: Request, alert: UUID) -> HttpResponseBase:
        return self.act(request, alert, acts.acknowledge)


class Mute(_Acting):
    @documented(
        "Mute an alert until a time", body=alert_answers.Muting, answers={200: alert_answers.AlertDetail}
    )
    def post(self, request: Request, alert: UUID) -> HttpResponseBase:
        return self.act(request, alert, acts.mute, alert_answers.Muting)


class Unmute(_Acting):
    @documented("Unmute an alert", body=alert_answers.MayReason, answers={200: alert_answers.AlertDetail})
    def post(self, request: Request, alert: UUID) -> HttpResponseBase:
        return self.act(request, alert, acts.unmute)
