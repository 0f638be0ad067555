"""What an edge asks for: its document, what changed in it, a bundle for a stick."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from configs import fetching
from configs.fetching import NotModified
from configs.refusals import SinceAhead
from doors.conditional import none_match
from doors.problems import Refused
from doors.views import EdgeView, EitherView
from edges import tenancy
from edges.credentials import EdgePrincipal, Head
from edges.models import Edge
from sync_api import answers, openapi
from sync_api.since import parse_since


class PollView(EdgeView):
    """The head was read together with the key: a poll with nothing new asks the database nothing else."""

    def head_or_404(self) -> Head:
        if self.principal.head is None:
            raise Refused(404, "no_published_config", "Nothing was published for this edge yet.")
        return self.principal.head

    def not_modified(self, request: Request, head: Head) -> HttpResponse:
        issued = request.headers.get("EMS-Manifest-Issued")
        return answers.not_modified(answers.not_modified_headers(head, issued))


class ConfigView(PollView):
    """`GET, HEAD /edges/{edge_id}/config`"""

    @extend_schema(**openapi.CONFIG)
    def get(self, request: Request, **_: Any) -> HttpResponse:
        head = self.head_or_404()
        if none_match(request.headers.get("If-None-Match"), head.etag):
            return self.not_modified(request, head)
        return answers.ready(fetching.full(self.principal.edge_uid, self.principal.organization_id))


class DeltaView(PollView):
    """`GET, HEAD /edges/{edge_id}/config/delta?since=N`: what an edge polls once it holds a version."""

    @extend_schema(**openapi.DELTA)
    def get(self, request: Request, **_: Any) -> HttpResponse:
        query = request.query_params
        since = parse_since(query.getlist("since"), query.getlist("v"))
        head = self.head_or_404()
        # A tag that matches is answered before an unknown base: an edge that refused a version polls free.
        seen = none_match(request.headers.get("If-None-Match"), head.etag)
        if since == head.version or (seen and since < head.version):
            return self.not_modified(request, head)
        if since > head.version:
            raise SinceAhead(f"Version {since} was never published; the newest is {head.version}.")
        edge_uid, organization_id = self.principal.edge_uid, self.principal.organization_id
        found = fetching.delta(edge_uid, organization_id, since=since)
        # Published in this very moment: what the edge holds has just become the newest.
        return answers.unchanged(found) if isinstance(found, NotModified) else answers.ready(found)


class BundleView(EitherView):
    """`GET /edges/{edge_id}/versions/{n}/bundle`: for a site without internet."""

    @extend_schema(**openapi.BUNDLE)
    def get(self, request: Request, edge_id: str, number: int) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        edge_uid, organization_id = self.edge_of(edge_id)
        response = HttpResponse(
            fetching.bundle(edge_uid, organization_id, number=number), content_type="application/json"
        )
        response["Cache-Control"] = "private, no-store"
        return response

    def edge_of(self, edge_id: str) -> tuple[Any, Any]:
        """The key's own edge, or one that the person may see."""
        if isinstance(self.principal, EdgePrincipal):
            return self.principal.edge_uid, self.principal.organization_id
        with tenancy.scope(self.principal.organization_ids):
            edge = Edge.objects.filter(edge_id=edge_id).first()
        if edge is None or self.principal.role_of(edge.organization_id, edge.site_id) is None:
            raise Refused(404, "not_found", "There is no such edge in your organizations.")
        return edge.pk, edge.organization_id
