"""What must hold before Django reads a request: the body is bounded in bytes and in time, and never silently
empty.

Django spools whole bodies to disk before a view can refuse them, and DRF reads a chunked body as no body. The
gate reads up to the cap, then hands on a request with a Content-Length. What it refuses, and what breaks
above Django, leaves as a problem too.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from doors import request_ids
from doors.bodies import ENROLL_BYTES, EVENTS_BYTES, HEARTBEAT_BYTES, KIB, OPERATOR_BYTES
from doors.problems import CODES, CONTENT_TYPE, DETAILS, problem_bytes

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_SECONDS = 30.0
EDGE_CALL = re.compile(r"\A/api/v1/edges/[^/]+/(heartbeat|events|keys/rotate)\Z")
EDGE_CAPS = {"heartbeat": HEARTBEAT_BYTES, "events": EVENTS_BYTES, "keys/rotate": ENROLL_BYTES}
# A 1 MiB document in the admin's form, every byte of it percent-encoded, and the form around it.
FORM_BYTES = 3 * OPERATOR_BYTES + 64 * KIB

logger = logging.getLogger("ems.gate")


def cap_of(path: str) -> int:
    """Most body bytes that a path takes, before decompression."""
    if path == "/api/v1/enroll":
        return ENROLL_BYTES
    if path.startswith("/admin/"):
        return FORM_BYTES
    found = EDGE_CALL.match(path)
    return EDGE_CAPS[found.group(1)] if found else OPERATOR_BYTES


class TooLargeError(Exception):
    """The body went over the cap."""


class GoneError(Exception):
    """The client left before its body was complete."""


class Gate:
    """ASGI wrapper around everything that serves HTTP."""

    def __init__(self, application: Application, body_seconds: float = BODY_SECONDS) -> None:
        self.application = application
        self.body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not has_body(scope):
            await self.guarded(scope, receive, send)
            return
        cap = cap_of(scope["path"])
        try:
            async with asyncio.timeout(self.body_seconds):
                body = await read(receive, cap, declared(scope))
        except TooLargeError:
            await refuse(scope, send, 413, f"The body may have at most {cap} bytes.")
        except TimeoutError:
            await refuse(scope, send, 408, f"The body did not arrive within {self.body_seconds:g} s.")
        except GoneError:
            return
        else:
            await self.guarded(with_length(scope, len(body)), replay(body, receive), send)

    async def guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Errors above Django's own handlers (a query string that is no UTF-8) become problems as well."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        answer = Answer(scope, send)
        try:
            await self.application(scope, receive, answer.send)
        except Exception:
            logger.exception("unhandled above Django: %s", scope["path"])
            if answer.started:
                raise
            await refuse(scope, send, 500, DETAILS[500])


class Answer:
    """Lets answers through, and replaces an error that is not a problem and not a person's page."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope, self.forward = scope, send
        self.started = False
        self.replaced = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.replaced = foreign_error(self.scope, message)
            if self.replaced:
                await refuse(self.scope, self.forward, message["status"], DETAILS.get(message["status"], ""))
                return
        if not self.replaced:
            await self.forward(message)


def foreign_error(scope: Scope, message: Message) -> bool:
    if message["status"] < 400 or scope["path"].startswith("/admin/"):
        return False
    types = [value for name, value in message.get("headers", []) if bytes(name).lower() == b"content-type"]
    return not any(bytes(value).startswith(CONTENT_TYPE.encode()) for value in types)


def has_body(scope: Scope) -> bool:
    names = {bytes(name).lower() for name, _ in scope["headers"]}
    return b"transfer-encoding" in names or (declared(scope) or 0) > 0


def declared(scope: Scope) -> int | None:
    """Content-Length, when it is a number. HTTP servers have refused the others already."""
    for name, value in scope["headers"]:
        if bytes(name).lower() == b"content-length" and bytes(value).isdigit() and len(value) < 16:
            return int(value)
    return None


async def read(receive: Receive, cap: int, length: int | None) -> bytes:
    """The whole body. Raises: TooLargeError, GoneError."""
    if length is not None and length > cap:
        raise TooLargeError
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > cap:
            raise TooLargeError
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def replay(body: bytes, receive: Receive) -> Receive:
    """`receive` as it was before the body was read."""
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def with_length(scope: Scope, length: int) -> Scope:
    dropped = (b"content-length", b"transfer-encoding")
    headers = [(name, value) for name, value in scope["headers"] if bytes(name).lower() not in dropped]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


def header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if bytes(key).lower() == name:
            return bytes(value).decode("latin1")
    return None


async def refuse(scope: Scope, send: Send, status: int, detail: str) -> None:
    """A problem sent without Django."""
    request_id = request_ids.choose(header(scope, b"x-request-id"))
    body = problem_bytes(CODES.get(status, "bad_request"), status, detail, instance=request_id)
    headers = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id.encode()),
    ]
    if status in (408, 413):  # the rest of the body is still on its way
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})
