"""Every refusal leaves as RFC 9457 `application/problem+json`.

`Refused` is raised by doors; `problem_bytes` is also what the fast lane and the WebSocket send;
`ProblemMiddleware` turns whatever Django answers by itself (404 pages, CSRF pages, 500) into the same shape.
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from doors import request_ids

CONTENT_TYPE = "application/problem+json"
CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    409: "conflict",
    411: "length_required",
    412: "stale",
    413: "body_too_large",
    415: "unsupported_media",
    422: "invalid",
    428: "if_match_required",
    429: "rate_limited",
    500: "internal_error",
    503: "unavailable",
}
DETAILS = {
    400: "The request could not be understood.",
    403: "This is not allowed.",
    404: "There is nothing here.",
    405: "The method is not allowed on this path.",
    500: "An error on our side. It is logged under the request id in `instance`.",
    503: "The server cannot answer at the moment.",
}
UNAUTHENTICATED_HEADERS = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error of ours
    """A request that a door answers with a problem. `extra` members stand beside the standard ones."""

    def __init__(
        self,
        status: int,
        code: str | None = None,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(code or CODES[status])
        self.status = status
        self.code = code or CODES[status]
        self.detail = detail or DETAILS.get(status, "")
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extra = extra


def problem_document(
    code: str,
    status: int,
    detail: str,
    *,
    instance: str,
    errors: Sequence[Mapping[str, Any]] = (),
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "type": f"urn:ems:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "errors": list(errors),
        **(extra or {}),
    }


def problem_bytes(
    code: str,
    status: int,
    detail: str,
    *,
    instance: str,
    errors: Sequence[Mapping[str, Any]] = (),
    extra: Mapping[str, Any] | None = None,
) -> bytes:
    """The body of a problem. `orjson` also writes the UUIDs and times that refusals carry."""
    document = problem_document(code, status, detail, instance=instance, errors=errors, extra=extra)
    return orjson.dumps(document, option=orjson.OPT_UTC_Z, default=str)


def problem(
    code: str,
    status: int,
    detail: str,
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
    **extra: Any,
) -> HttpResponse:
    """A problem as a Django response; the request id of the current request is its `instance`."""
    body = problem_bytes(code, status, detail, instance=request_ids.current(), errors=errors, extra=extra)
    response = HttpResponse(body, status=status, content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    response["Content-Length"] = str(len(body))
    for name, value in (headers or {}).items():
        response[name] = value
    if status == HTTPStatus.UNAUTHORIZED and "WWW-Authenticate" not in response:
        response["WWW-Authenticate"] = UNAUTHENTICATED_HEADERS["WWW-Authenticate"]
    return response


def refusal_response(refused: Refused) -> HttpResponse:
    return problem(
        refused.code,
        refused.status,
        refused.detail,
        errors=refused.errors,
        headers=refused.headers,
        **refused.extra,
    )


def plain(status: int, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """The problem for a status that came without any of our words."""
    code = CODES.get(status, "internal_error" if status >= 500 else "bad_request")
    return problem(code, status, DETAILS.get(status, HTTPStatus(status).description), headers=headers)


class ProblemMiddleware:
    """Replaces error pages that are not problems. People's pages under /admin/ keep their HTML."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code < 400 or speaks_problem(response) or people_page(request):
            return response
        kept = {
            name: response[name] for name in ("Allow", "Retry-After", "WWW-Authenticate") if name in response
        }
        return plain(response.status_code, kept)


def speaks_problem(response: HttpResponseBase) -> bool:
    return response.get("Content-Type", "").startswith(CONTENT_TYPE)


def people_page(request: HttpRequest) -> bool:
    return request.path_info.startswith("/admin/") and "text/html" in request.headers.get("Accept", "")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's
    return plain(400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's
    return plain(403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's
    return problem("forbidden", 403, f"The CSRF check failed: {reason}")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django's
    return plain(404)


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django's
    return plain(500)
