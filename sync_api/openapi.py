"""What the edge calls take and answer, for the OpenAPI document (drf-spectacular's arguments)."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

PROBLEM = "application/problem+json"
JSON = "application/json"

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer", "minimum": 0}
OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}
TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
UUID: dict[str, Any] = {"type": "string", "format": "uuid"}
BOOLEAN: dict[str, Any] = {"type": "boolean"}
PROBLEM_SHAPE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": NUMBER,
        "detail": TEXT,
        "instance": TEXT,
        "code": TEXT,
        "errors": {"type": "array", "items": OBJECT},
    },
    "required": ["type", "title", "status", "detail", "instance", "code", "errors"],
}
REFUSALS = {
    401: "`unauthenticated`: the credential is missing, doubled, unknown, expired or revoked.",
    403: "`wrong_edge`: the key is another edge's, or nobody's; `suspended`.",
    429: "`rate_limited`: Retry-After says when.",
    503: "`unavailable`: Retry-After says when.",
}
BODY_REFUSALS = {
    400: "`bad_json`: malformed.",
    413: "`body_too_large`, also when decompressed.",
    415: "`unsupported_media`: JSON in UTF-8, gzip or nothing.",
    422: "`invalid`: well formed and wrong; `errors` say where.",
}
NONE_MATCH = OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="The tag held.")
ISSUED = OpenApiParameter(
    "EMS-Manifest-Issued",
    str,
    OpenApiParameter.HEADER,
    description="`issued_at` of the manifest held: a 304 leaves the current one out then.",
)
SINCE = [
    OpenApiParameter(
        name, str, OpenApiParameter.QUERY, description="The version held; exactly one of since and v."
    )
    for name in ("since", "v")
]


def shape(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": sorted(required),
    }


def nullable(of: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": [of, {"type": "null"}]}


def array(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


def call(
    summary: str,
    answers: dict[int, Any],
    *,
    body: dict[str, Any] | None = None,
    parameters: list[OpenApiParameter] | None = None,
    refusals: dict[int, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """`extend_schema`'s arguments; an answer of None has no body."""
    responses: dict[Any, Any] = {}
    for status, content in answers.items():
        if content is None:
            responses[status] = OpenApiResponse(description="No body.")
        else:
            responses[status, JSON] = content
    told = {**REFUSALS, **(BODY_REFUSALS if body is not None else {}), **(refusals or {})}
    for status, meaning in sorted(told.items()):
        responses[status, PROBLEM] = OpenApiResponse(PROBLEM_SHAPE, description=meaning)
    return {
        "summary": summary,
        "request": {JSON: body} if body is not None else None,
        "responses": responses,
        "parameters": parameters or [],
        "tags": ["edge"],
        **more,
    }


DOCUMENT = {**shape({"version": NUMBER, "timestamp": TIME, "edge_id": TEXT}), "additionalProperties": True}
NOTHING_YET = "`no_published_config`"
CONFIG = call(
    "The whole document of this edge",
    {200: DOCUMENT, 304: None},
    parameters=[NONE_MATCH, ISSUED],
    refusals={404: NOTHING_YET},
)
DELTA = call(
    "What changed since a version; what an edge polls",
    {
        200: shape(
            {
                "from_version": NUMBER,
                "version": NUMBER,
                "timestamp": TIME,
                "edge_id": TEXT,
                "changed": OBJECT,
                "removed": array(TEXT),
            }
        ),
        304: None,
    },
    parameters=[*SINCE, NONE_MATCH, ISSUED],
    refusals={
        400: "`bad_since`",
        404: NOTHING_YET,
        409: "`since_ahead`: fetch the full document once",
        410: "`full_required`: fetch the full document once",
    },
)
BUNDLE = call(
    "A version with its manifest and the trust roots, for a site without internet",
    {200: shape({"document": DOCUMENT, "manifest": OBJECT, "roots": array(OBJECT)})},
    refusals={404: "`not_found`"},
)
HEARTBEAT = call(
    "What the edge runs and how it is",
    {
        200: shape(
            {
                "server_time": TIME,
                "desired": nullable(shape({"version": NUMBER, "etag": TEXT})),
                "next_poll_seconds": NUMBER,
                "next_heartbeat_seconds": NUMBER,
                "report_full": BOOLEAN,
                "rotate_key": BOOLEAN,
                "trust_root_version": NUMBER,
                "requests": array({**shape({"id": TEXT, "kind": TEXT}), "additionalProperties": True}),
            }
        )
    },
    body=shape(
        {"running": shape({"version": NUMBER, "digest": nullable(TEXT)})},
        {
            "boot_id": UUID,
            "seq": NUMBER,
            "highest_seen": nullable(NUMBER),
            "last_known_good": nullable(NUMBER),
            "phase": TEXT,
            "staged": nullable(OBJECT),
            "last_attempt": nullable(OBJECT),
            "quarantine": array(OBJECT),
            "hold": nullable(OBJECT),
            "health": OBJECT,
            "sync": OBJECT,
            "schemas": array(TEXT),
            "capabilities": OBJECT,
            "hardware_id": nullable(TEXT),
            "limits_digest": nullable(TEXT),
            "agent_version": TEXT,
            "uptime_seconds": {"type": "number"},
            "clock": OBJECT,
        },
    ),
)
EVENT = shape(
    {"id": UUID, "seq": NUMBER, "type": TEXT, "at": TIME},
    {"version": nullable(NUMBER), "code": nullable(TEXT), "detail": nullable(TEXT), "data": nullable(OBJECT)},
)
EVENTS = call(
    "Events, idempotent by id, at most 100",
    {200: shape({"accepted": array(UUID), "duplicate": array(UUID), "rejected": array(OBJECT)})},
    body=shape({"events": {**array(EVENT), "maxItems": 100}}),
)
ENROLL = call(
    "A key for a single-use token",
    {
        201: shape(
            {
                "edge_id": TEXT,
                "edge_uid": UUID,
                "org_uid": UUID,
                "key_id": TEXT,
                "key": TEXT,
                "trust_root": shape({"root_version": NUMBER, "sha256": TEXT}),
            }
        )
    },
    body=shape(
        {"token": TEXT, "nonce": TEXT, "agent_version": TEXT, "schemas": array(TEXT)},
        {"hardware_id": nullable(TEXT)},
    ),
    refusals={401: "`enroll_token_invalid`: unknown, used and expired alike"},
    auth=[],
)
ROTATE = call(
    "A new key beside the one in use; its first use confirms it",
    {201: shape({"key_id": TEXT, "key": TEXT, "old_key_expires_at": TIME})},
    refusals={409: "`retired`"},
)
TRUST_ROOT = call(
    "A trust root's envelope, immutable",
    {200: shape({"payload": TEXT, "payloadType": TEXT, "signatures": array(OBJECT)})},
    refusals={404: "`not_found`: not issued yet"},
)
