"""The one table from an anticipated error to what the caller is told. Anything not in it is a bug and
becomes a 500.
"""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpResponse
from psycopg_pool import PoolTimeout
from rest_framework import exceptions

from configs.refusals import Refusal
from doors import problems
from doors.authentication import unauthenticated
from doors.problems import Refused
from edge_protocol.errors import BodyTooLargeError, DocumentError, JsonError, ProtocolError
from edges import errors as edges_errors

RETRY_SECONDS = "5"


def of(exc: BaseException) -> Refused | None:
    """The refusal for `exc`, found by its class or the nearest base of it in the table."""
    if isinstance(exc, Refused):
        return exc
    for kind in type(exc).__mro__:
        if kind in TABLE:
            return TABLE[kind](exc)
    return None


def respond(exc: Exception, _context: dict[str, Any]) -> HttpResponse | None:
    """DRF's EXCEPTION_HANDLER."""
    refused = of(exc)
    return None if refused is None else problems.refusal_response(refused)


def json_refused(exc: JsonError) -> Refused:
    """Malformed JSON is 400, well-formed and wrong is 422."""
    if exc.malformed:
        return Refused(400, "bad_json", exc.detail)
    return document_refused(exc)


def document_refused(exc: ProtocolError) -> Refused:
    """Every complaint that the error carries, each with its path."""
    told = exc.to_dict()
    alone = {"path": exc.path, "rule": told.get("rule", exc.code), "detail": exc.detail}
    return Refused(422, "invalid", exc.detail, errors=told.get("errors", [alone]))


def suspended(exc: edges_errors.Suspended) -> Refused:
    return Refused(403, "suspended", str(exc) or "The edge, its site or its organization is not active.")


def use_case_refused(exc: Refusal) -> Refused:
    """A refusal of `configs` knows its own status."""
    headers = {"Retry-After": RETRY_SECONDS} if exc.status == 503 else {}
    errors = [error.to_dict() for error in getattr(exc, "errors", ())]
    return Refused(exc.status, exc.code, exc.detail, errors=errors, headers=headers, **exc.extra)


def conflict(exc: edges_errors.EdgesError) -> Refused:
    return Refused(409, exc.code, str(exc))


def value_refused(exc: edges_errors.ValueRefusedError) -> Refused:
    error = {"path": f"/{exc.field}", "rule": "value", "detail": str(exc)}
    return Refused(422, "invalid", str(exc), errors=[error])


def rows_refused(exc: edges_errors.RowsRefusedError) -> Refused:
    errors = [
        {"path": f"/edges/{row}/{field}", "rule": "value", "detail": detail}
        for row, field, detail in exc.rows
    ]
    return Refused(422, "invalid", str(exc), errors=errors)


def unavailable(_: Exception) -> Refused:
    return Refused(503, "unavailable", headers={"Retry-After": RETRY_SECONDS})


def drf(exc: exceptions.APIException) -> Refused:
    """Whatever DRF itself raises: 404, 405, 415, a serializer's complaints."""
    headers = {}
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(wait))
    code = problems.CODES.get(exc.status_code)
    return Refused(exc.status_code, code, one_line(exc.detail), headers=headers)


def shape_refused(exc: exceptions.ValidationError) -> Refused:
    errors = [
        {"path": path, "rule": f"shape/{code}", "detail": detail}
        for path, code, detail in complaints(exc.detail, "")
    ]
    return Refused(422, "invalid", errors[0]["detail"] if errors else "", errors=errors)


def complaints(detail: Any, path: str) -> list[tuple[str, str, str]]:
    """A serializer's nested errors as (JSON pointer, code, text)."""
    if isinstance(detail, dict):
        nested = [
            complaints(below, path if name == "non_field_errors" else f"{path}/{name}")
            for name, below in detail.items()
        ]
    elif isinstance(detail, list):
        texts = all(isinstance(below, str) for below in detail)
        nested = [
            complaints(below, path if texts else f"{path}/{position}")
            for position, below in enumerate(detail)
        ]
    else:
        return [(path, getattr(detail, "code", "invalid"), str(detail))]
    return [complaint for group in nested for complaint in group]


def one_line(detail: Any) -> str:
    found = complaints(detail, "")
    return found[0][2] if found else ""


TABLE: dict[type[BaseException], Callable[[Any], Refused]] = {
    JsonError: json_refused,
    BodyTooLargeError: lambda exc: Refused(413, "body_too_large", exc.detail),
    DocumentError: document_refused,
    Refusal: use_case_refused,
    edges_errors.EdgesError: conflict,
    edges_errors.ValueRefusedError: value_refused,
    edges_errors.RowsRefusedError: rows_refused,
    edges_errors.Unauthenticated: lambda _: unauthenticated(),
    edges_errors.Suspended: suspended,
    Http404: lambda _: Refused(404),
    PermissionDenied: lambda _: Refused(403),
    exceptions.ValidationError: shape_refused,
    exceptions.APIException: drf,
    exceptions.NotAuthenticated: lambda _: unauthenticated(),
    exceptions.PermissionDenied: lambda exc: Refused(403, detail=one_line(exc.detail)),
    OperationalError: unavailable,
    PoolTimeout: unavailable,
}
