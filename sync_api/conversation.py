"""What an edge says over its socket: heartbeats, answered one at a time; a bad one is told, the third in a
row ends it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from doors import refusals
from doors.bodies import HEARTBEAT_BYTES, MAX_DEPTH
from doors.gate import Receive
from doors.leases import Spent
from doors.problems import Refused, problem_document
from edge_protocol.canonical import parse
from edge_protocol.errors import BodyTooLargeError, ProtocolError
from edge_protocol.keys import Credential
from edges.errors import Suspended, Unauthenticated
from sync_api import reports
from sync_api.polls import Polls
from sync_api.pool import in_thread
from sync_api.sockets import Close, EdgeSocket

MOST_BAD_IN_A_ROW = 3


@dataclass(frozen=True)
class Line:
    """One open socket and what is needed to hear it."""

    socket: EdgeSocket
    credential: Credential
    polls: Polls


async def hold(line: Line, receive: Receive) -> None:
    """Until the peer has left. What it says after our goodbye is not heard."""
    bad = 0
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if line.socket.closing is not None:
            continue
        try:
            said = read(message)
            if said.get("type") == "heartbeat":
                await beat(line, said)
            else:
                await pay(line)
            bad = 0
        except Goodbye as goodbye:
            line.socket.close(goodbye.code)
        except (ProtocolError, Refused) as refused:
            bad += 1
            await tell(line.socket, refused)
            if bad >= MOST_BAD_IN_A_ROW:
                line.socket.close(Close.POLICY)


class Goodbye(Exception):  # noqa: N818 - an end, not an error
    """The socket is to be closed with this code."""

    def __init__(self, code: Close) -> None:
        super().__init__(code.name)
        self.code = code


def read(message: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object in one message. Raises: Goodbye, ProtocolError, Refused."""
    text = message.get("text")
    if text is None:
        raise Goodbye(Close.BINARY)
    try:
        said = parse(utf8(text), max_bytes=HEARTBEAT_BYTES, max_depth=MAX_DEPTH)
    except BodyTooLargeError as big:
        raise Goodbye(Close.TOO_BIG) from big
    if not isinstance(said, dict):
        raise Refused(422, "invalid", "A message is a JSON object with a `type`.")
    return said


def utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as broken:
        raise Goodbye(Close.NOT_UTF8) from broken


async def beat(line: Line, said: dict[str, Any]) -> None:
    """File one heartbeat, with the key proven again: what is desired may have changed, and the key may be
    gone.
    """
    try:
        principal = await line.polls.prove(line.credential)
        if not isinstance(await line.polls.spend(principal), Spent):
            raise Goodbye(Close.TOO_MANY)
        answer = await in_thread(reports.heartbeat)(
            principal=principal,
            body={name: value for name, value in said.items() if name != "type"},
            transport="websocket",
            now=datetime.now(UTC),
        )
    except (Unauthenticated, Suspended) as gone:
        raise Goodbye(Close.KEY_REFUSED) from gone
    except (psycopg.Error, PoolTimeout, DatabaseError) as away:
        raise Goodbye(Close.OVERLOADED) from away
    line.socket.offer("heartbeat.ok", {"type": "heartbeat.ok", **answer})
    await line.socket.written()


async def pay(line: Line) -> None:
    """What nobody here understands is ignored, and costs what a heartbeat costs. Raises: Goodbye."""
    try:
        if not isinstance(await line.polls.spend(line.socket.peer), Spent):
            raise Goodbye(Close.TOO_MANY)
    except (psycopg.Error, PoolTimeout) as away:
        raise Goodbye(Close.OVERLOADED) from away


async def tell(socket: EdgeSocket, error: Exception) -> None:
    """The problem that HTTP would have answered, as a message."""
    refused = refusals.of(error)
    if refused is None:
        raise error
    document = problem_document(
        refused.code, refused.status, refused.detail, instance=str(uuid.uuid4()), errors=refused.errors
    )
    socket.offer("error", {**document, "type": "error"})
    await socket.written()
