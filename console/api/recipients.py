"""Who is told of alerts, and what was sent to them."""

from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from console.api import alert_answers, answers, reach
from console.api.calls import Call
from console.api.documented import PAGED, documented
from doors import pagination
from edges.credentials import OperatorPrincipal
from edges.models import Site
from monitoring import recipients
from monitoring.models import Delivery, Recipient


def recipient_item(row: Recipient) -> dict[str, Any]:
    return {
        "id": row.pk,
        "kind": row.kind,
        "address": row.address,
        "site": None if row.site is None else row.site.code,
        "created_at": row.created_at,
    }


def delivery_item(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.pk,
        "recipient": row.recipient_id,
        "alert": row.alert_id,
        "key": row.key,
        "event": row.body.get("event", ""),
        "state": row.state,
        "attempts": row.attempts,
        "created_at": row.created_at,
        "next_at": row.next_at,
        "delivered_at": row.delivered_at,
    }


class Recipients(Call):
    @documented(
        "List who is told of alerts",
        query=PAGED,
        answers={200: answers.page_of(alert_answers.RecipientAnswer, "Recipients")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request)
        organization = reach.organization(self.principal, org, "manage_edges")
        rows = Recipient.objects.filter(organization=organization, removed_at=None).select_related("site")
        return Response(pagination.page(rows, query, order=("created_at", "id"), item=recipient_item))

    @documented(
        "Add a recipient of alerts",
        body=alert_answers.RecipientWish,
        answers={201: alert_answers.NewRecipient},
    )
    def post(self, request: Request, org: str) -> HttpResponseBase:
        self.query(request)
        organization = reach.organization(self.principal, org, "manage_edges")
        body = self.body(alert_answers.RecipientWish)
        site = self._site(org, body.get("site"))

        def respond() -> Response:
            made, secret = recipients.add(
                organization_id=organization.pk,
                kind=body["kind"],
                address=body["address"],
                site=site,
                actor=self.actor(),
                now=self.now,
            )
            return Response(recipient_item(made) | {"secret": secret or None}, status=201)

        return self.once(respond, secret=True)

    def _site(self, org: str, code: str | None) -> Site | None:
        return None if code is None else reach.site(self.principal, org, code, "manage_edges")


def _found(principal: OperatorPrincipal, pk: UUID) -> Recipient:
    rows = Recipient.objects.select_related("organization", "site").filter(removed_at=None)
    row: Recipient | None = rows.filter(pk=pk).first()
    if row is None:
        reach.missing()
    reach.organization(principal, row.organization.code, "manage_edges")
    return row


class OneRecipient(Call):
    @documented("Remove a recipient", answers={200: alert_answers.RecipientAnswer})
    def delete(self, request: Request, recipient: UUID) -> HttpResponseBase:
        self.query(request)
        row = _found(self.principal, recipient)

        def respond() -> Response:
            recipients.remove(organization_id=row.organization_id, recipient_id=row.pk, now=self.now)
            return Response(recipient_item(row))

        return self.once(respond)


class Test(Call):
    @documented(
        "Send a test to a recipient", body=alert_answers.Nothing, answers={202: alert_answers.DeliveryAnswer}
    )
    def post(self, request: Request, recipient: UUID) -> HttpResponseBase:
        self.query(request)
        row = _found(self.principal, recipient)
        self.body(alert_answers.Nothing)

        def respond() -> Response:
            made = recipients.test(
                organization_id=row.organization_id, recipient_id=row.pk, actor=self.actor(), now=self.now
            )
            return Response(delivery_item(made), status=202)

        return self.once(respond)


class Deliveries(Call):
    @documented(
        "List what was sent about alerts",
        query=PAGED,
        answers={200: answers.page_of(alert_answers.DeliveryAnswer, "Deliveries")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request)
        organization = reach.organization(self.principal, org, "manage_edges")
        rows = Delivery.objects.filter(organization=organization)
        return Response(pagination.page(rows, query, order=("-created_at", "-id"), item=delivery_item))


class Redeliver(Call):
    @documented(
        "Send a message about an alert again",
        body=alert_answers.Nothing,
        answers={202: alert_answers.DeliveryAnswer},
    )
    def post(self, request: Request, delivery: UUID) -> HttpResponseBase:
        self.query(request)
        row = Delivery.objects.select_related("organization").filter(pk=delivery).first()
        if row is None:
            reach.missing()
        reach.organization(self.principal, row.organization.code, "manage_edges")
        self.body(alert_answers.Nothing)

        def respond() -> Response:
            again = recipients.redeliver(
                organization_id=row.organization_id, delivery_id=row.pk, now=self.now
            )
            return Response(delivery_item(again), status=202)

        return self.once(respond)
