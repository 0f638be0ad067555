"""The view that a Django developer would usually write for `GET /edges/{edge_id}/config`."""

import hashlib
import json

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_api_key.permissions import BaseHasAPIKey

from benchmarks.usual_view.merging import merge
from benchmarks.usual_view.models import Edge, EdgeKey


class HasEdgeKey(BaseHasAPIKey):
    model = EdgeKey


class ConfigView(APIView):
    permission_classes = [HasEdgeKey]

    def get(self, request: HttpRequest, edge_id: str) -> HttpResponse:
        key = EdgeKey.objects.get_from_key(request.headers["Authorization"].partition(" ")[2])
        edge = get_object_or_404(Edge.objects.select_related("site__organization"), edge_id=edge_id)
        if key.edge_id != edge.pk:
            raise PermissionDenied
        document = merge(merge(edge.site.organization.config, edge.site.config), edge.config)
        document = {"version": edge.version, "edge_id": edge.edge_id, **document}
        etag = '"' + hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest() + '"'
        if request.headers.get("If-None-Match") == etag:
            return Response(status=304, headers={"ETag": etag})
        return Response(document, headers={"ETag": etag})
