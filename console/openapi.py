"""The API's own description: /api/openapi.json and, from our own static files only, /api/docs."""

import json
from functools import cache

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import TemplateHTMLRenderer


@cache
def document() -> bytes:
    """OpenAPI 3.1 of every API view. It depends on the code alone, so a process makes it once."""
    described = SchemaGenerator().get_schema(request=None, public=True)
    return json.dumps(json.loads(OpenApiJsonRenderer().render(described))).encode()


@require_safe
def schema(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """To everybody: it says nothing about anybody."""
    return HttpResponse(document(), content_type="application/json")


class Docs(SpectacularSwaggerView):
    http_method_names = ["get", "head"]
    url_name = "openapi"
    renderer_classes = [TemplateHTMLRenderer]
    content_negotiation_class = DefaultContentNegotiation
    authentication_classes: list[type] = []
    permission_classes: list[type] = []
