"""What an operator does to one edge: roll back, retry, apply, hold, review, release."""

from typing import Any

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from configs import holding, retrying, rolling_back, signing
from console.api import answers, reach, shapes
from console.api.calls import Call
from console.api.documented import DRY_RUN, documented
from console.api.status import hold_item
from edges import asking
from edges.models import Edge


class Rollback(Call):
    @documented(
        "Publish an earlier version's content and hold the edge",
        body=shapes.RollingBack,
        query=DRY_RUN,
        answers={200: answers.ChangeAnswer, 201: answers.ChangeAnswer},
    )
    def post(self, request: Request, edge_id: str) -> HttpResponseBase:
        query = self.query(request, *DRY_RUN)
        edge = reach.edge(self.principal, edge_id, "rollback")
        body = self.body(shapes.RollingBack)
        return self.publishing(
            query,
            lambda: rolling_back.rollback(
                edge=edge,
                to_version=body.get("to_version"),
                reason=body["reason"],
                actor=self.actor(),
                now=self.now,
                signer=signing.signer(),
            ),
        )


class Retry(Call):
    @documented(
        "Offer refused content again",
        body=shapes.Reasoned,
        query=DRY_RUN,
        answers={200: answers.ChangeAnswer, 201: answers.ChangeAnswer},
    )
    def post(self, request: Request, edge_id: str) -> HttpResponseBase:
        query = self.query(request, *DRY_RUN)
        edge = reach.edge(self.principal, edge_id, "rollback")
        body = self.body(shapes.Reasoned)
        return self.publishing(
            query,
            lambda: retrying.retry(
                edge=edge, reason=body["reason"], actor=self.actor(), now=self.now, signer=signing.signer()
            ),
        )


class Apply(Call):
    @documented(
        "Ask an edge to apply what it has staged", body=shapes.Reasoned, answers={202: answers.RequestAnswer}
    )
    def post(self, request: Request, edge_id: str) -> HttpResponseBase:
        self.query(request)
        edge = reach.edge(self.principal, edge_id, "publish")
        body = self.body(shapes.Reasoned)
        return self.once(lambda: self._apply(edge, body["reason"]))

    def _apply(self, edge: Edge, reason: str) -> Response:
        payload = {"by": self.principal.username, "reason": reason}
        asked = asking.ask(edge=edge, kind="apply", payload=payload, now=self.now)
        shown = ("kind", "created_at", "expires_at")
        return Response({"id": asked.pk, **{name: getattr(asked, name) for name in shown}}, status=202)


class Hold(Call):
    @documented(
        "Freeze an edge: its organization's and site's changes pass by",
        body=shapes.Holding,
        answers={201: answers.HoldAnswer},
    )
    def post(self, request: Request, edge_id: str) -> HttpResponseBase:
        self.query(request)
        edge = reach.edge(self.principal, edge_id, "rollback")
        body = self.body(shapes.Holding)
        return self.once(lambda: self._hold(edge, body))

    def _hold(self, edge: Edge, body: dict[str, Any]) -> Response:
        held = holding.hold(
            edge=edge, until=body.get("until"), reason=body["reason"], actor=self.actor(), now=self.now
        )
        return Response(hold_item(held), status=201)


class Review(Call):
    @documented(
        "Set another review date of a hold; nothing is released",
        body=shapes.Reviewing,
        answers={200: answers.HoldAnswer},
    )
    def post(self, request: Request, edge_id: str) -> HttpResponseBase:
        self.query(request)
        edge = reach.edge(self.principal, edge_id, "rollback")
        body = self.body(shapes.Reviewing)
        return self.once(lambda: self._review(edge, body))

    def _review(self, edge: Edge, body: dict[str, Any]) -> Response:
        held = holding.review(
            edge=edge, until=body["until"], reason=body["reason"], actor=self.actor(), now=self.now
        )
        return Response(hold_item(held))


class Release(Call):
    @documented(
        "Release a held edge",
        body=shapes.Releasing,
        query=DRY_RUN,
        answers={200: answers.ChangeAnswer, 201: answers.ChangeAnswer},
    )
    def post(self, request: Request, edge_id: str) -> HttpResponseBase:
        query = self.query(request, *DRY_RUN)
        edge = reach.edge(self.principal, edge_id, "rollback")
        body = self.body(shapes.Releasing)
        return self.publishing(
            query,
            lambda: holding.release(
                edge=edge,
                reason=body["reason"],
                preview_digest=body.get("preview_digest"),
                actor=self.actor(),
                now=self.now,
                signer=signing.signer(),
            ),
            preview=lambda: holding.preview_release(edge=edge, now=self.now),
        )
