"""One decorator that says to the OpenAPI document what a call takes and answers."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from console.api.answers import ProblemAnswer

PROBLEM = "application/problem+json"
REFUSALS = {
    401: "The credential is missing, unknown, expired or revoked, or it is an edge key.",
    403: "Yours, but beyond your role.",
    404: "Foreign or unknown: the same answer.",
    429: "Too many requests; Retry-After says when.",
}
WRITE_REFUSALS = {
    400: "Malformed JSON or query.",
    409: "Contradicts the present state.",
    413: "More than 1 MiB.",
    415: "Not JSON in UTF-8.",
    422: "Well formed and wrong.",
}


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same call twice has one effect, for 24 hours.",
)


def documented(
    summary: str,
    *,
    answers: Mapping[Any, Any],
    body: Any = None,
    query: Mapping[str, str] | None = None,
    matched: bool = False,
) -> Callable[[Any], Any]:
    """`query`: names of query members with what they mean. `matched`: the call needs If-Match."""
    refusals = dict(REFUSALS)
    if body is not None or summary.startswith("Publish"):
        refusals |= WRITE_REFUSALS
    if matched:
        refusals |= {412: "If-Match names another state (`stale`).", 428: "If-Match is needed."}
    parameters = [
        OpenApiParameter(name, str, OpenApiParameter.QUERY, description=meaning)
        for name, meaning in (query or {}).items()
    ]
    if matched:
        parameters.append(OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True))
    responses: dict[Any, Any] = dict(answers)
    for status, meaning in refusals.items():
        responses.setdefault((status, PROBLEM), OpenApiResponse(ProblemAnswer, description=meaning))
    if body is not None:
        parameters.append(IDEMPOTENCY_KEY)
    return extend_schema(
        operation_id=re.sub("[^a-z0-9]+", "_", summary.lower()).strip("_"),
        tags=["operator"],
        summary=summary,
        description=f"{summary}.",
        request=body,
        responses=responses,
        parameters=parameters,
    )


PAGED = {"cursor": "`next` of the page before.", "limit": "Items a page, 1 to 500."}
DRY_RUN = {"dry_run": "true answers what would happen and changes nothing."}
