"""`Idempotency-Key`: the same call twice has one effect and one answer, for 24 hours.

The record is written in the transaction of the effect. A second call with the same key therefore waits for
the first to finish, then finds its answer; if the first was refused or died, there is no record and the
second one runs.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import orjson
from django.db import connection, transaction
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from doors.models import IdempotencyRecord
from doors.problems import Refused
from doors.rendering import JSONRenderer

KEPT = timedelta(hours=24)
ACCEPTED = re.compile(r"\A[\x21-\x7e]{1,255}\Z")
REPLAYED_HEADERS = ("ETag", "Location")
CLAIM = """
INSERT INTO doors_idempotencyrecord (principal, key, body_digest, status, headers, created_at)
VALUES (%s, %s, %s, 0, '{}', %s) ON CONFLICT (principal, key) DO NOTHING
"""


def once(
    request: Request, *, principal: str, respond: Callable[[], Response], secret: bool = False
) -> Response | HttpResponse:
    """`respond()`, or the kept answer of the same call.

    `secret` answers are never kept: their repetition is 409 `already_answered`.
    Raises: Refused 400 for a malformed key, 422 `idempotency_mismatch` when the key came with another
    request.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return respond()
    if not ACCEPTED.match(key):
        raise Refused(400, "bad_idempotency_key", "Idempotency-Key is 1 to 255 printable ASCII characters.")
    now = datetime.now(UTC)
    digest = request_digest(request)
    with transaction.atomic():
        IdempotencyRecord.objects.filter(created_at__lt=now - KEPT).delete()
        if not claimed(principal, key, digest, now):
            return replayed(IdempotencyRecord.objects.get(principal=principal, key=key), digest)
        response = respond()
        keep(principal, key, response, secret=secret)
        return response


def claimed(principal: str, key: str, digest: str, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [principal, key, digest, now])
        return cursor.rowcount == 1


def request_digest(request: Request) -> str:
    """Method, path with query, and the body as it was understood."""
    body = orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS)
    head = f"{request.method} {request.get_full_path()}\n".encode()
    return hashlib.sha256(head + body).hexdigest()


def keep(principal: str, key: str, response: Response, *, secret: bool) -> None:
    IdempotencyRecord.objects.filter(principal=principal, key=key).update(
        status=response.status_code,
        headers={name: response[name] for name in REPLAYED_HEADERS if name in response},
        body=None if secret else JSONRenderer().render(response.data),
    )


def replayed(record: IdempotencyRecord, digest: str) -> HttpResponse:
    if record.body_digest != digest:
        raise Refused(422, "idempotency_mismatch", "This Idempotency-Key came with another request before.")
    if record.body is None:
        raise Refused(
            409, "already_answered", "This was done before; its answer held a secret and is not shown again."
        )
    response = HttpResponse(bytes(record.body), status=record.status, content_type="application/json")
    for name, value in record.headers.items():
        response[name] = value
    response["Idempotent-Replayed"] = "true"
    return response
