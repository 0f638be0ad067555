"""The answer to the question that edges ask all day, "anything new?", before Django.

It answers exactly two things, and only when it can prove them: 304 (nothing new) and 429 (too often).
Everything else, and every doubt (a key that is to be confirmed, a database that does not answer), goes to the
DRF view, which is complete by itself. Both use the same checks and give the same bytes.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from typing import Any

import psycopg
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from psycopg_pool import PoolTimeout

from doors import limits, request_ids
from doors.conditional import none_match
from doors.gate import Application, Receive, Scope, Send
from doors.leases import Empty, Spent
from doors.metrics import FAST_LANE
from doors.problems import CONTENT_TYPE, Refused, problem_bytes
from edges.credentials import EdgePrincipal
from edges.errors import Suspended, Unauthenticated
from sync_api import poll_request
from sync_api.answers import VARY, not_modified_headers
from sync_api.poll_request import PollRequest
from sync_api.process import Process

Answer = tuple[int, list[tuple[str, str]], bytes]
# What differs from answer to answer; Vary is not among them.
OWN_HEADERS = {b"x-request-id", b"content-type", b"content-length"}


class FastLane:
    """ASGI wrapper."""

    def __init__(self, application: Application, process: Process) -> None:
        self.application = application
        self.process = process
        self.standing = {
            (status, secure): standing_headers(status, secure=secure)
            for status in (304, 429)
            for secure in (True, False)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        poll = poll_request.read(scope)
        if poll is not None:
            await self.process.ensure_started()
            request_id = request_ids.choose(poll.request_id)
            answer = await self.answer(poll, request_id)
            FAST_LANE.add(1, outcome="handed_over" if answer is None else str(answer[0]))
            if answer is not None:
                await self.send(answer, self.standing[answer[0], poll.secure], request_id, send)
                return
        await self.application(scope, receive, send)

    async def answer(self, poll: PollRequest, request_id: str) -> Answer | None:
        """None: not for this lane."""
        polls = self.process.polls
        try:
            principal = await polls.prove(poll.credential)
            if not nothing_new(poll, principal):
                return None
            verdict = await polls.spend(principal)
        except (Unauthenticated, Suspended, PoolTimeout, psycopg.Error):
            return None
        if isinstance(verdict, Empty):
            return refused(limits.refusal(verdict.key, verdict.retry_seconds), request_id)
        if not isinstance(verdict, Spent) or principal.head is None:
            return None
        self.process.last_seen.note(principal, datetime.now(UTC))
        return 304, not_modified_headers(principal.head, poll.issued), b""

    async def send(
        self, answer: Answer, standing: list[tuple[bytes, bytes]], request_id: str, send: Send
    ) -> None:
        status, named, body = answer
        headers = [
            (name.lower().encode(), value.encode("latin-1")) for name, value in named if name != "Vary"
        ]
        headers += standing
        headers.append((b"x-request-id", request_id.encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def nothing_new(poll: PollRequest, principal: EdgePrincipal) -> bool:
    """True when the answer is surely 304. A key's first use and a foreign edge are Django's business."""
    head = principal.head
    if head is None or principal.key_pending or principal.key_last_used_at is None:
        return False
    if principal.edge_id != poll.edge_id or (poll.since is not None and poll.since > head.version):
        return False
    return poll.since == head.version or none_match(poll.tag, head.etag)


def refused(refusal: Refused, request_id: str) -> Answer:
    body = problem_bytes(refusal.code, refusal.status, refusal.detail, instance=request_id)
    headers = [
        ("Content-Type", CONTENT_TYPE),
        ("Cache-Control", "no-store"),
        *refusal.headers.items(),
        ("Content-Length", str(len(body))),
    ]
    return refusal.status, headers, body


def standing_headers(status: int, *, secure: bool) -> list[tuple[bytes, bytes]]:
    """What Django's middleware puts on every answer of this kind, learned from the middleware itself."""
    handler: Any = bare_problem if status >= 400 else bare_not_modified
    for name in reversed(settings.MIDDLEWARE):
        handler = import_string(name)(handler)
    host = (settings.ALLOWED_HOSTS or ["localhost"])[0].lstrip(".").replace("*", "localhost")
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "https" if secure else "http",
        "path": "/api/v1/edges/none/config",
        "headers": [(b"host", host.encode())],
    }
    response = handler(ASGIRequest(scope, BytesIO()))
    named = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.items()]
    return [header for header in named if header[0] not in OWN_HEADERS]


def bare_not_modified(_: HttpRequest) -> HttpResponse:
    response = HttpResponse(status=HTTPStatus.NOT_MODIFIED)
    del response["Content-Type"]
    response["Vary"] = VARY
    return response


def bare_problem(_: HttpRequest) -> HttpResponse:
    return HttpResponse(status=429, content_type=CONTENT_TYPE)
