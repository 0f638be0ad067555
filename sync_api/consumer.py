"""`/ws/edges/{edge_id}/notify`: plain ASGI, routed by Channels' URLRouter.

The socket only gives speed: no configuration travels in it, and whatever is lost is found by the next poll.
The key is proven like a poll's. A refusal is told after accepting, because close codes before that do not
survive a real server.
"""

import asyncio
import json
import secrets
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.conf import settings
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from doors.authentication import credential_of
from doors.gate import Receive, Scope, Send
from doors.leases import Spent
from edge_protocol.keys import Credential
from edge_protocol.notices import PROTOCOL, Hello, KeyRotate, frame
from edges import credentials, keys
from edges.credentials import EdgePrincipal
from edges.errors import Suspended, Unauthenticated
from sync_api.conversation import Goodbye, Line, hold
from sync_api.feed import SOCKETS
from sync_api.pool import in_thread
from sync_api.process import Process, process
from sync_api.sockets import Close, EdgeSocket, Peer

PING_SECONDS = 30
CREDENTIAL_FIELDS = {b"authorization": "HTTP_AUTHORIZATION", b"x-api-key": "HTTP_X_API_KEY"}


async def notify(scope: Scope, receive: Receive, send: Send) -> None:
    """One socket, from handshake to goodbye."""
    await receive()  # websocket.connect
    await process.ensure_started()
    try:
        credential = presented(scope)
        principal = await admit(process, credential, scope["url_route"]["kwargs"]["edge_id"])
    except Goodbye as refused:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": int(refused.code)})
        return
    await send({"type": "websocket.accept"})
    socket = EdgeSocket(peer_of(principal), send, mark=secrets.token_hex(8))
    process.registry.add(socket)
    try:
        await greet(process, socket, credential)
        await hold(Line(socket, credential, process.polls), receive)
    except asyncio.CancelledError:
        if socket.closing is None:  # not our deadline: the server ends
            raise
    finally:
        process.registry.remove(socket)
        socket.ended()


def presented(scope: Scope) -> Credential:
    """The one credential in the headers. Raises: Goodbye."""
    found = [
        (CREDENTIAL_FIELDS[name], value.decode("latin-1"))
        for name, value in scope["headers"]
        if name in CREDENTIAL_FIELDS
    ]
    if len(found) != 1:
        raise Goodbye(Close.KEY_REFUSED)
    try:
        return credentials.parse_edge_key(credential_of(*found[0]))
    except Unauthenticated as refused:
        raise Goodbye(Close.KEY_REFUSED) from refused


async def admit(process: Process, credential: Credential, edge_id: str) -> EdgePrincipal:
    """Who this is. Raises: Goodbye."""
    if len(process.registry) >= settings.EMS_MOST_SOCKETS:
        raise Goodbye(Close.OVERLOADED)
    try:
        principal = await process.polls.prove(credential)
        if principal.edge_id != edge_id:
            raise Goodbye(Close.WRONG_EDGE)
        if not isinstance(await process.polls.spend(principal), Spent):
            raise Goodbye(Close.TOO_MANY)
        if principal.key_pending or principal.key_last_used_at is None:
            await in_thread(keys.touch)(principal=principal, now=datetime.now(UTC))
    except (Unauthenticated, Suspended) as refused:
        raise Goodbye(Close.KEY_REFUSED) from refused
    except (psycopg.Error, PoolTimeout, DatabaseError) as away:
        raise Goodbye(Close.OVERLOADED) from away
    process.last_seen.note(principal, datetime.now(UTC))
    return principal


def peer_of(principal: EdgePrincipal) -> Peer:
    return Peer(
        edge_uid=principal.edge_uid,
        edge_id=principal.edge_id,
        organization_id=principal.organization_id,
        key_id=principal.key_id,
    )


async def greet(process: Process, socket: EdgeSocket, credential: Credential) -> None:
    """Say hello with what is desired now, and tell the other processes that this edge's socket is here.

    The key is proven once more, now that notices reach the socket: what changed in between was not heard.
    """
    try:
        principal, ends_at = await process.polls.prove_key(credential)
        told = json.dumps({"edge": str(socket.peer.edge_uid), "mark": socket.mark})
        async with process.pool.connection() as connection:
            await connection.execute("SELECT pg_notify(%s, %s)", [SOCKETS, told])
    except (Unauthenticated, Suspended):
        socket.close(Close.KEY_REFUSED)
    except (psycopg.Error, PoolTimeout):
        socket.close(Close.OVERLOADED)
    else:
        socket.expire_in(None if ends_at is None else (ends_at - datetime.now(UTC)).total_seconds())
        socket.version = max(socket.version, principal.head.version if principal.head else 0)
        socket.greet(hello(socket.version))
        if principal.rotation_due(datetime.now(UTC)):
            socket.offer("key.rotate", frame(KeyRotate()))


def hello(version: int) -> dict[str, Any]:
    return frame(Hello(protocol=PROTOCOL, version=version, ping_seconds=PING_SECONDS))


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's signature
    """Any other socket path: refused before accepting, which clients see as HTTP 403."""
    await receive()
    await send({"type": "websocket.close", "code": int(Close.POLICY)})
