"""The edges of an organization: list, add, read, rename."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from configs import adopting, signing
from console import fleet
from console.api import answers, reach, shapes
from console.api.calls import Call, etag_of, whole
from console.api.documented import PAGED, documented
from doors import conditional, pagination
from doors.problems import Refused
from edges import alike, organizing, words
from edges.models import Edge, Organization, Site, Stage

FILTERS = {
    "site": "Code of a site.",
    "tag": "A tag that the edge carries.",
    "status": "The headline word, such as in_sync or failed.",
    "version": "The version that the edge runs.",
    "text": "Part of the edge's id or name.",
    "stage": "A stage, such as in_service.",
    "cause": "The code of what the edge refused of what it should run, such as overruns.",
}


def edge_item(edge: Edge, now: datetime) -> dict[str, Any]:
    said = fleet.described(edge, now)
    head, status = getattr(edge, "head", None), getattr(edge, "status", None)
    return {
        "edge_id": edge.edge_id,
        "edge_uid": edge.pk,
        "organization": edge.organization.code,
        "site": edge.site.code,
        "name": edge.name,
        "tags": edge.tags,
        "stage": edge.stage,
        "created_at": edge.created_at,
        "retired_at": edge.retired_at,
        "link": said.link,
        "configuration": said.configuration,
        "headline": said.headline,
        "flags": list(said.flags),
        "desired_version": head and head.version,
        "running_version": status and status.running_version,
    }


def editable(edge: Edge) -> dict[str, Any]:
    """What PATCH can change: the tag of these names a state, while heartbeats come and go."""
    return {"edge_id": edge.edge_id, "name": edge.name, "tags": edge.tags, "stage": edge.stage}


def with_facts(rows: QuerySet[Edge]) -> QuerySet[Edge]:
    return rows.select_related("organization", "site", "head", "status", "pins")


class Edges(Call):
    @documented(
        "List the edges of an organization",
        query=PAGED | FILTERS,
        answers={200: answers.page_of(answers.EdgeAnswer, "Edges")},
    )
    def get(self, request: Request, org: str) -> Response:
        query = self.query(request, *FILTERS)
        organization, sites = reach.any_of(self.principal, org, "read")
        rows = with_facts(Edge.objects.filter(organization=organization))
        if sites is not None:
            rows = rows.filter(site__in=sites)
        return Response(
            pagination.page(
                self._filtered(rows, query),
                query,
                order=("edge_id",),
                item=lambda edge: edge_item(edge, self.now),
            )
        )

    def _filtered(self, rows: QuerySet[Edge], query: dict[str, str]) -> QuerySet[Edge]:
        if site := query.get("site"):
            rows = rows.filter(site__code=site)
        if tag := query.get("tag"):
            rows = rows.filter(tags__contains=[tag])
        if version := query.get("version"):
            rows = rows.filter(status__running_version=whole(version, "version"))
        if stage := query.get("stage"):
            if stage not in Stage.values:
                raise Refused(400, "bad_query", f"stage is one of {', '.join(Stage.values)}.")
            rows = rows.filter(stage=stage)
        if cause := query.get("cause"):
            rows = rows.filter(pk__in=alike.parted(rows, self.now).filter(Q(code=cause)).values("pk"))
        return self._worded(rows, query)

    def _worded(self, rows: QuerySet[Edge], query: dict[str, str]) -> QuerySet[Edge]:
        if text := query.get("text"):
            rows = rows.filter(Q(edge_id__icontains=text) | Q(name__icontains=text))
        if status := query.get("status"):
            if status not in words.HEADLINES:
                raise Refused(400, "bad_query", f"status is one of {', '.join(words.HEADLINES)}.")
            rows = rows.filter(pk__in=fleet.named(rows, status, self.now))
        return rows

    @documented("Add an edge", body=shapes.NewEdge, answers={201: answers.EdgeAnswer})
    def post(self, request: Request, org: str) -> HttpResponseBase:
        self.query(request)
        organization = reach.organization(self.principal, org, "manage_edges")
        body = self.body(shapes.NewEdge)
        return self.once(lambda: self._add(organization, body))

    def _add(self, organization: Organization, body: dict[str, Any]) -> Response:
        site = Site.objects.filter(organization=organization, code=body.pop("site")).first()
        if site is None:
            reach.missing()
        made = adopting.create_edge(
            site=site,
            actor=self.actor(),
            now=self.now,
            signer=signing.signer(),
            **body,
        )
        return self.show(made.pk, status=201)

    def show(self, pk: Any, *, status: int = 200) -> Response:
        edge = with_facts(Edge.objects.all()).get(pk=pk)
        return Response(edge_item(edge, self.now), status=status, headers={"ETag": etag_of(editable(edge))})


class OneEdge(Call):
    @documented("Read an edge", answers={200: answers.EdgeAnswer})
    def get(self, request: Request, edge_id: str) -> Response:
        self.query(request)
        return self._show(reach.edge(self.principal, edge_id, "read").pk)

    @documented(
        "Change an edge's name, tags or stage",
        body=shapes.EdgeChange,
        matched=True,
        answers={200: answers.EdgeAnswer},
    )
    def patch(self, request: Request, edge_id: str) -> HttpResponseBase:
        self.query(request)
        edge = reach.edge(self.principal, edge_id, "manage_edges")
        body = self.body(shapes.EdgeChange)
        return self.once(lambda: self._change(edge, body))

    def _change(self, edge: Edge, body: dict[str, Any]) -> Response:
        edge = Edge.objects.select_for_update(no_key=True).get(pk=edge.pk)
        conditional.require_match(self.request.headers.get("If-Match"), etag_of(editable(edge)))
        organizing.change_edge(edge=edge, **body)
        return self._show(edge.pk)

    def _show(self, pk: Any) -> Response:
        edge = with_facts(Edge.objects.all()).get(pk=pk)
        return Response(edge_item(edge, self.now), headers={"ETag": etag_of(editable(edge))})
