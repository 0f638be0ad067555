"""Configuration answers before Django: "nothing new" (304), "too often" (429), and the ready bytes (200).

It answers only what it can prove. Everything else, and every doubt (a key that is to be confirmed, a base
that is unknown, a database that does not answer), goes to the DRF view, which is complete by itself. Both
make the same checks, call the same use case and give the same bytes.
"""

from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from io import BytesIO
from typing import Any

import psycopg
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from psycopg_pool import PoolTimeout

from configs import fetching
from configs.fetching import NotModified, Ready
from configs.refusals import Refusal
from doors import limits, request_ids
from doors.compression import MIN_BYTES, accepts_gzip, compress
from doors.conditional import none_match
from doors.gate import Application, Receive, Scope, Send
from doors.leases import Empty, Spent
from doors.metrics import FAST_LANE
from doors.problems import CONTENT_TYPE, Refused, problem_bytes
from edges.credentials import EdgePrincipal, Head
from edges.errors import Suspended, Unauthenticated
from sync_api import answers, poll_request
from sync_api.poll_request import PollRequest
from sync_api.pool import in_thread
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
            for status in (200, 304, 429)
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
            if principal.head is None or not plain(poll, principal, principal.head):
                return None
            verdict = await polls.spend(principal)
            if isinstance(verdict, Empty):
                return refused(limits.refusal(verdict.key, verdict.retry_seconds), request_id)
            if not isinstance(verdict, Spent):
                return None
            self.process.last_seen.note(principal, datetime.now(UTC))
            if nothing_new(poll, principal.head):
                return 304, answers.not_modified_headers(principal.head, poll.issued), b""
            return await fetched(poll, principal)
        except (Unauthenticated, Suspended, Refusal, PoolTimeout, psycopg.Error, DatabaseError):
            return None

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


def plain(poll: PollRequest, principal: EdgePrincipal, head: Head) -> bool:
    """A key's first use, a foreign edge and a base ahead of us are Django's business."""
    if principal.key_pending or principal.key_last_used_at is None or principal.edge_id != poll.edge_id:
        return False
    return poll.since is None or poll.since <= head.version


def nothing_new(poll: PollRequest, head: Head) -> bool:
    return poll.since == head.version or none_match(poll.tag, head.etag)


async def fetched(poll: PollRequest, principal: EdgePrincipal) -> Answer | None:
    """The ready bytes, squeezed if the client likes."""
    edge_uid, organization_id = principal.edge_uid, principal.organization_id
    if poll.since is None:
        found: Ready | NotModified = await in_thread(fetching.full)(edge_uid, organization_id)
    else:
        found = await in_thread(fetching.delta)(edge_uid, organization_id, since=poll.since)
    if isinstance(found, NotModified):
        return None
    headers, body = answers.ready_headers(found), found.body
    if len(body) >= MIN_BYTES and accepts_gzip(poll.accept_encoding or ""):
        body = compress(body)
        headers.append(("Content-Encoding", "gzip"))
    headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return 200, headers, body


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
    handler: Any = partial(bare, status)
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


def bare(status: int, _: HttpRequest) -> HttpResponse:
    """An answer as the view makes it, before any middleware."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return HttpResponse(status=status, content_type=CONTENT_TYPE)
    response = HttpResponse(status=status, content_type="application/json", headers={"Vary": answers.VARY})
    if status == HTTPStatus.NOT_MODIFIED:
        del response["Content-Type"]
    return response
