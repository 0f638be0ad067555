"""The API's own description: /api/openapi.json and, from our own static files only, /api/docs."""

from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import TemplateHTMLRenderer


class Schema(SpectacularAPIView):
    """OpenAPI 3.1, as JSON, to everybody: it says nothing about anybody."""

    renderer_classes = [OpenApiJsonRenderer]
    content_negotiation_class = DefaultContentNegotiation
    authentication_classes: list[type] = []
    permission_classes: list[type] = []


class Docs(SpectacularSwaggerView):
    url_name = "openapi"
    renderer_classes = [TemplateHTMLRenderer]
    content_negotiation_class = DefaultContentNegotiation
    authentication_classes: list[type] = []
    permission_classes: list[type] = []
