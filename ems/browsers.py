"""What browsers are told: where a page may load from, and which other origins may call the API."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

# django-unfold's Alpine evaluates expressions in attributes, and its pages carry inline scripts and styles.
PAGE_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, X-Request-ID"
ANSWER_HEADERS = "ETag, EMS-Manifest, EMS-Config-Version, Location, Retry-After, X-Request-ID"
PREFLIGHT_SECONDS = "600"


class PagePolicyMiddleware:
    """Content-Security-Policy on pages; an answer of the API is no page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            response.setdefault("Content-Security-Policy", PAGE_POLICY)
        return response


class CrossOriginMiddleware:
    """CORS for the operator API, by token only: cookies are never allowed across origins."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not settings.CORS_ORIGINS or not request.path_info.startswith("/api/"):
            return self.get_response(request)
        origin = request.headers.get("Origin", "")
        allowed = origin in settings.CORS_ORIGINS
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        response = HttpResponse(status=204) if allowed and asks else self.get_response(request)
        patch_vary_headers(response, ("Origin",))
        if allowed:
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Expose-Headers"] = ANSWER_HEADERS
        if allowed and asks:
            response["Access-Control-Allow-Methods"] = METHODS
            response["Access-Control-Allow-Headers"] = REQUEST_HEADERS
            response["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
        return response
