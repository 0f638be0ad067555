"""`/live`: plain ASGI. Says that something changed, never what; the page or program then asks as ever.

A browser of the desk comes with its session, from the desk's own origin only: another site's page could open
a socket with our cookie. Everybody else sends an operator token as the first message, so that it stands in
no address and no log.
"""

import asyncio
import contextlib
import json
from enum import Enum
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError
from django.http import HttpRequest
from psycopg_pool import PoolTimeout

from console.live.hub import hub
from console.live.people import Listener, Proof, SessionProof, TokenProof
from console.live.sockets import Close, PersonSocket
from doors import limits
from doors.gate import Receive, Scope, Send
from doors.listening import in_thread
from doors.problems import Refused

FIRST_WORD_SECONDS = 10.0
MOST_BYTES = 4096
# Nothing is expected after the first message; a client that goes on talking is a mistake.
MOST_MESSAGES = 10


class Goodbye(Exception):  # noqa: N818 - an end, not an error
    def __init__(self, code: Close) -> None:
        super().__init__(code.name)
        self.code = code


class Origin(Enum):
    NONE = "none"  # a program
    OWN = "own"
    LISTED = "listed"


async def live(scope: Scope, receive: Receive, send: Send) -> None:
    """One socket, from handshake to goodbye."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    try:
        proof, listener = await _admit(scope, receive)
        if (full := hub.room_for(listener.principal.user_id)) is not None:
            raise Goodbye(full)
    except Goodbye as refused:
        with contextlib.suppress(OSError, RuntimeError):  # the peer may be gone already
            await send({"type": "websocket.close", "code": int(refused.code)})
        return
    socket = PersonSocket(proof, listener, send)
    try:
        await hub.add(socket)
        await _hold(socket, receive)
    finally:
        hub.remove(socket)


async def _hold(socket: PersonSocket, receive: Receive) -> None:
    """Until the peer has left, or took no message in time."""
    writer = asyncio.create_task(socket.write())
    reader = asyncio.create_task(_read(socket, receive))
    try:
        await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (writer, reader):
            task.cancel()
        ended = await asyncio.gather(writer, reader, return_exceptions=True)
    for failed in ended:
        if isinstance(failed, Exception) and not isinstance(failed, OSError | RuntimeError | TimeoutError):
            raise failed


async def _read(socket: PersonSocket, receive: Receive) -> None:
    heard = 0
    while (message := await receive())["type"] != "websocket.disconnect":
        heard += 1
        if _size(message) > MOST_BYTES:
            socket.close(Close.TOO_BIG)
        elif heard > MOST_MESSAGES:
            socket.close(Close.POLICY)


async def _admit(scope: Scope, receive: Receive) -> tuple[Proof, Listener]:
    """Who this is. Raises: Goodbye."""
    request = ASGIRequest({**scope, "type": "http", "method": "GET"}, BytesIO())
    origin = origin_of(request)
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    try:
        if origin is Origin.OWN and key:
            listener = await in_thread(SessionProof(key).listener)()
            if listener is None:
                raise Goodbye(Close.UNAUTHENTICATED)
            return SessionProof(key), listener
        return await _by_token(request, receive)
    except (psycopg.Error, DatabaseError, PoolTimeout) as away:
        raise Goodbye(Close.OVERLOADED) from away


async def _by_token(request: HttpRequest, receive: Receive) -> tuple[Proof, Listener]:
    try:
        async with asyncio.timeout(FIRST_WORD_SECONDS):
            proof = TokenProof(token_in(await receive()))
    except TimeoutError as silent:
        raise Goodbye(Close.UNAUTHENTICATED) from silent
    listener = await in_thread(proof.listener)()
    if listener is not None:
        return proof, listener
    try:
        await in_thread(limits.count)("failed", limits.client_address(request))
    except Refused as limited:
        raise Goodbye(Close.TOO_MANY) from limited
    raise Goodbye(Close.UNAUTHENTICATED)


def token_in(message: Any) -> str:
    """The token of `{"type": "authenticate", "token": "emso_..."}`. Raises: Goodbye."""
    if _size(message) > MOST_BYTES:
        raise Goodbye(Close.TOO_BIG)
    try:
        said = json.loads(message.get("text") or "")
        is_asked = said["type"] == "authenticate" and isinstance(said["token"], str)
    except (ValueError, TypeError, KeyError, RecursionError) as unread:
        raise Goodbye(Close.UNAUTHENTICATED) from unread
    if not is_asked:
        raise Goodbye(Close.UNAUTHENTICATED)
    token: str = said["token"]
    return token


def _size(message: Any) -> int:
    return len(message.get("text") or "") + len(message.get("bytes") or b"")


def origin_of(request: HttpRequest) -> Origin:
    """Whose page opens this socket. Raises: Goodbye for a page that is neither ours nor listed."""
    origin = request.headers.get("Origin")
    if origin is None:
        return Origin.NONE
    try:
        host = request.get_host()
    except DisallowedHost as wrong:
        raise Goodbye(Close.WRONG_ORIGIN) from wrong
    schemes = {"https"} if settings.SESSION_COOKIE_SECURE else {"http", "https"}
    asked = urlsplit(origin)
    if asked.scheme in schemes and asked.netloc == host:
        return Origin.OWN
    if origin in settings.CORS_ORIGINS:
        return Origin.LISTED
    raise Goodbye(Close.WRONG_ORIGIN)
